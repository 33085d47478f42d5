import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DELIVERY_MAX_BYTES } from '@hybrid/contracts';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import { CompactSign, type CompactJWSHeaderParameters, type JWK } from 'jose';
import { readDelivery, signDelivery } from './delivery-jws.js';
import { deliveryForTests, RELAY_ID } from './delivery.fixtures.js';
import { newRelayKey, relayPublicKey } from './relay-key.js';

const key = newRelayKey();
const publicKey = relayPublicKey(key.x);
const known = async (relayId: string): Promise<JWK | null> => (relayId === RELAY_ID ? publicKey : null);
const HEADER = { alg: 'EdDSA', kid: RELAY_ID, typ: 'hybrid-delivery+jws' };

const refusalOf = async (text: string): Promise<string | undefined> =>
  (await readDelivery(text, known)).refusal?.code;

const signed = (
  payload: unknown,
  header: CompactJWSHeaderParameters = HEADER,
  by: JWK = key,
): Promise<string> =>
  new CompactSign(Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)))
    .setProtectedHeader(header)
    .sign(by);

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('a delivery on the queue', () => {
  it('is read as it was signed', async () => {
    const delivery = deliveryForTests();
    expect(await readDelivery(await signDelivery(delivery, key), known)).toEqual({ delivery });
  });

  it('is no delivery for whoever does not know the relay, and says so by its id', async () => {
    const text = await signDelivery(deliveryForTests(), key);
    const { refusal } = await readDelivery(text, async () => null);
    expect(refusal).toEqual({ code: 'unknown_relay', message: expect.stringContaining(RELAY_ID) });
  });

  it('is refused with another key, or with one character altered', async () => {
    expect(await refusalOf(await signed(deliveryForTests(), HEADER, newRelayKey()))).toBe('bad_signature');
    const text = await signDelivery(deliveryForTests(), key);
    const [, payload, signature] = text.split('.') as [string, string, string];
    const flip = (of: string): string => (of.startsWith('A') ? 'B' : 'A') + of.slice(1);
    expect(await refusalOf(text.replace(payload, flip(payload)))).toBe('bad_signature');
    expect(await refusalOf(text.replace(signature, flip(signature)))).toBe('bad_signature');
    expect(await refusalOf(text.replace(signature, ''))).toBe('bad_signature');
  });

  it('is refused in the name of another relay', async () => {
    const other = deliveryForTests({ relay_id: 'a'.repeat(8) + RELAY_ID.slice(8) });
    expect(await refusalOf(await signed(other))).toBe('not_a_delivery');
  });

  it('has one algorithm only: not none, not an HMAC keyed with the public key', async () => {
    const body = part(deliveryForTests());
    const none = `${part({ ...HEADER, alg: 'none' })}.${body}.`;
    expect(await refusalOf(none)).toBe('not_a_delivery');
    const input = `${part({ ...HEADER, alg: 'HS256' })}.${body}`;
    for (const secret of [key.x, Buffer.from(key.x, 'base64url')]) {
      const mac = createHmac('sha256', secret).update(input).digest('base64url');
      expect(await refusalOf(`${input}.${mac}`)).toBe('not_a_delivery');
    }
  });

  it.each([
    ['another type', { ...HEADER, typ: 'JWT' }],
    ['no type', { alg: 'EdDSA', kid: RELAY_ID }],
    ['no relay', { alg: 'EdDSA', typ: HEADER.typ }],
    ['a relay that is no id', { ...HEADER, kid: '../../x' }],
    ['a key of its own', { ...HEADER, jwk: publicKey }],
    ['a place to fetch a key from', { ...HEADER, jku: 'https://example.com/keys' }],
  ])('is refused with %s in its header', async (_, header) => {
    expect(await refusalOf(await signed(deliveryForTests(), header as CompactJWSHeaderParameters))).toBe(
      'not_a_delivery',
    );
  });

  it('is refused above its size before anything is looked up', async () => {
    const refused = await readDelivery('a'.repeat(DELIVERY_MAX_BYTES + 1), () => {
      throw new Error('looked up');
    });
    expect(refused.refusal?.code).toBe('too_large');
  });

  it.each([
    ['a text', '"text"'],
    ['no JSON', '{'],
    ['nothing', ''],
    ['a list', '[]'],
    ['an unknown field', { ...deliveryForTests(), secret: 'hunter2' }],
    ['an id that does not follow', deliveryForTests({ id: RELAY_ID })],
    ['an id of another part', { ...deliveryForTests(), part: 1 }],
  ])('is refused where it is %s', async (_, payload) => {
    expect(await refusalOf(await signed(payload))).toBe('not_a_delivery');
  });

  it('never tells what a refused one holds', async () => {
    const canary = 'c4n4ry';
    const base = deliveryForTests();
    const metadata = base.metadata;
    for (const hostile of [
      { ...base, [canary]: 1 },
      { ...base, tool: canary },
      { ...base, metadata: { ...metadata, branch: `${canary}..` } },
      { ...base, metadata: { ...metadata, [canary]: 'x' } },
      { ...base, metadata: { ...metadata, attributes: { [canary.toUpperCase()]: 'x' } } },
      { ...base, metadata: { ...metadata, attributes: { [canary]: 'x\u0000' } } },
      { ...base, metadata: { ...metadata, paths: [`${canary}\n`] } },
    ]) {
      const { refusal } = await readDelivery(await signed(hostile), known);
      expect(refusal).toMatchObject({ code: 'not_a_delivery' });
      expect(refusal!.message.toLowerCase()).not.toContain(canary);
    }
  });

  it('passes on what a look-up throws: the message is not to blame', async () => {
    const text = await signDelivery(deliveryForTests(), key);
    await expect(readDelivery(text, () => Promise.reject(new Error('the store is away')))).rejects.toThrow(
      'the store is away',
    );
    await expect(readDelivery(text, async () => ({ kty: 'OKP', crv: 'Ed25519', x: 'AA' }))).rejects.toThrow(
      'cannot be used',
    );
  });

  it('answers whatever text there is', async () => {
    const fair = await signDelivery(deliveryForTests(), key);
    const texts = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.tuple(fc.json(), fc.json(), fc.string()).map(([a, b, c]) => [a, b, c].map((x) => part(x)).join('.')),
      fc
        .tuple(fc.nat(fair.length - 1), fc.string({ minLength: 1, maxLength: 3 }))
        .map(([at, insert]) => fair.slice(0, at) + insert + fair.slice(at + insert.length)),
    );
    const property = fc.asyncProperty(texts, async (text) => {
      const { delivery } = await readDelivery(text, known);
      if (delivery) expect(delivery).toEqual(deliveryForTests());
    });
    await fc.assert(property, { seed: specSeed(), numRuns: 300 });
  });

  it('answers whatever is signed by a relay that was taken over', async () => {
    const property = fc.asyncProperty(fc.jsonValue(), fc.string({ unit: 'binary' }), async (value, text) => {
      const base = deliveryForTests();
      for (const payload of [value, { ...base, metadata: value }, { ...base, action: text }]) {
        const { delivery } = await readDelivery(await signed(payload), known);
        if (delivery) expect(delivery).toEqual(payload);
      }
    });
    await fc.assert(property, { seed: specSeed(), numRuns: 100 });
  });
});

describe('signing', () => {
  it('refuses what is no delivery, by the name of the field', async () => {
    const metadata = { repository: 'acme/web', branch: 'a b' };
    await expect(signDelivery(deliveryForTests({ metadata }), key)).rejects.toThrow(
      'metadata.branch must be a name that git takes for a branch or tag',
    );
  });
});
