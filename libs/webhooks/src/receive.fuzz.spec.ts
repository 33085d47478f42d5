/** Whatever a webhook says: an answer, no throw, and nothing in it but sound events. The seed is printed. */
import { describe, expect, it } from '@jest/globals';
import { TOOLS } from '@hybrid/contracts';
import { metadataFieldFits } from '@hybrid/delivery';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { receive } from './receive.js';
import { RECORDED, SECRETS, signedWebhook } from './recorded.fixtures.js';
import { valuesAt } from './pointer.js';
import { shippedTool } from './tools.fixtures.js';

const tools = new Map(TOOLS.map((tool) => [tool, shippedTool(tool)]));

/** What keys and texts that mean something to somebody look like. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('__proto__', 'refs/heads/', 'refs/tags/x', 'a..b', '0'.repeat(40), '$&', '{{x}}', '\u202e'),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
  fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
);

/** The payload with the value at one of its places replaced. */
function replaced(payload: unknown, at: number, by: unknown): unknown {
  let count = 0;
  const walk = (value: unknown): unknown => {
    if (count++ === at) return by;
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, walk(entry)]));
  };
  return walk(payload);
}

const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });

describe('receiving', () => {
  it('answers whatever a signed webhook holds', () => {
    const webhooks = RECORDED.map((webhook) => ({
      webhook,
      payload: JSON.parse(webhook.body.toString()) as unknown,
    }));
    const property = fc.property(
      fc.constantFrom(...webhooks),
      fc.array(fc.tuple(fc.nat(250), hostile), { maxLength: 4 }),
      ({ webhook, payload }, changes) => {
        const sent = changes.reduce((value, [at, by]) => replaced(value, at, by), payload);
        const body = Buffer.from(JSON.stringify(sent ?? null));
        const result = receive(tools.get(webhook.tool)!, signedWebhook({ ...webhook, body }), [
          SECRETS[webhook.tool],
        ]);
        for (const { metadata } of result.events ?? []) {
          const unfit = Object.entries(metadata).filter(([field, value]) => !metadataFieldFits(field, value));
          expect(unfit).toEqual([]);
        }
      },
    );
    fc.assert(property, { seed: specSeed(), numRuns: 200 });
  });

  it('accepts nothing that is not signed', () => {
    const headers = fc.dictionary(
      fc.constantFrom(
        'x-hub-signature-256',
        'x-hub-signature',
        'x-gitlab-token',
        'x-gitea-signature',
        'webhook-signature',
        'webhook-id',
        'webhook-timestamp',
        'x-signature',
      ),
      fc.oneof(
        fc.string({ unit: 'binary' }),
        hex.map((digest) => `sha256=${digest}`),
        hex,
        fc.base64String({ minLength: 44, maxLength: 44 }).map((text) => `v1,${text}`),
        fc.constant(String(Math.floor(Date.now() / 1000))),
      ),
    );
    const property = fc.property(fc.constantFrom(...TOOLS), headers, fc.uint8Array(), (tool, given, body) => {
      const { refusal } = receive(tools.get(tool)!, { headers: given, body: Buffer.from(body) }, [
        SECRETS[tool],
      ]);
      expect(refusal?.status).toBe(401);
    });
    fc.assert(property, { seed: specSeed(), numRuns: 300 });
  });
});

describe('pointers', () => {
  const scope = { payload: { a: [{ b: 1 }, { b: null }, 7], 'x/y': 2, 'm~n': 3 }, item: { c: 4 } };

  it.each([
    ['/a/0/b', [1]],
    ['/a/*/b', [1]],
    ['/a/-1', []],
    ['/a/00', []],
    ['/a/length', []],
    ['/x~1y', [2]],
    ['/m~0n', [3]],
    ['./c', [4]],
    ['/toString', []],
    ['/__proto__/toString', []],
    ['/constructor', []],
    ['/*', []],
  ])('%s', (pointer, found) => {
    expect(valuesAt(scope, pointer)).toEqual(found);
  });
});
