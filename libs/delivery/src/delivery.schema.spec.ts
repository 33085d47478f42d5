import { describe, expect, it } from '@jest/globals';
import { DELIVERY_MAX_BYTES, type Delivery, type DeliveryMetadata } from '@hybrid/contracts';
import { deliverySchema, type JsonSchema } from './delivery.schema.js';
import { signDelivery } from './delivery-jws.js';
import { deliveryForTests } from './delivery.fixtures.js';
import { newRelayKey } from './relay-key.js';
import { METADATA_MAX_BYTES, withPathsThatFit } from './room.js';
import { faultOf, metadataFieldFits } from './shape.js';

/** Every schema within that holds a value and no further ones. */
function leaves(schema: JsonSchema, path: string): [string, JsonSchema][] {
  const { properties, items, additionalProperties } = schema as Record<string, JsonSchema | undefined>;
  if (properties) {
    return Object.entries(properties).flatMap(([key, value]) =>
      leaves(value as JsonSchema, `${path}/${key}`),
    );
  }
  if (items) return leaves(items, `${path}/*`);
  if (additionalProperties) return leaves(additionalProperties, `${path}/*`);
  return [[path, schema]];
}

function objects(schema: JsonSchema): JsonSchema[] {
  const { properties } = schema as { properties?: Record<string, JsonSchema> };
  const within = Object.values(properties ?? {}).flatMap(objects);
  return schema['type'] === 'object' ? [schema, ...within] : within;
}

describe('the schema of a delivery', () => {
  it.each(leaves(deliverySchema, ''))('%s has a class and a bound', (_, leaf) => {
    expect(['metadata', 'digest', 'reference']).toContain(leaf['x-class']);
    if ([leaf['type']].flat().includes('string') && !leaf['enum'])
      expect(leaf).toMatchObject({
        maxLength: expect.any(Number),
        pattern: expect.stringMatching(/^\^.*\$$/),
      });
    if (leaf['type'] === 'integer') expect(leaf).toMatchObject({ maximum: expect.any(Number) });
  });

  it('is closed at every depth', () => {
    for (const { additionalProperties } of objects(deliverySchema)) {
      expect(additionalProperties).toBeDefined();
      expect(additionalProperties).not.toBe(true);
    }
  });

  it('has room for everything but paths, whatever is in it', async () => {
    const wide = '\u{1F600}';
    const ref = wide.repeat(250);
    const repository = `o/${'r'.repeat(298)}`;
    const metadata: Required<DeliveryMetadata> = {
      repository,
      clone_url: `https://h/${'p'.repeat(490)}`,
      branch: ref,
      tag: ref,
      commit: 'a'.repeat(64),
      before: 'b'.repeat(64),
      deleted: false,
      pull_request: 2_000_000_000,
      base_branch: ref,
      head_repository: repository,
      fork: false,
      author: '\u{20000}'.repeat(100),
      labels: Array.from({ length: 40 }, () => wide.repeat(100)),
      paths: [],
      paths_complete: false,
      attributes: Object.fromEntries(
        Array.from({ length: 20 }, (_, i) => [`a${i}`.padEnd(50, 'x'), wide.repeat(128)]),
      ),
    };
    const delivery = deliveryForTests({
      source: 's'.repeat(100),
      event: 'e'.repeat(100),
      action: 'a'.repeat(100),
      delivery: 'd'.repeat(200),
      payload: { bytes: 26_214_400, keyed_sha256: 'f'.repeat(64), key_id: 'k'.repeat(100) },
      metadata,
    });
    expect(faultOf(delivery)).toBeNull();
    expect((await signDelivery(delivery, newRelayKey())).length).toBeLessThanOrEqual(DELIVERY_MAX_BYTES);
    // With as many paths as fit it is as large as deliveries get, and still fits.
    const paths = Array.from({ length: 300 }, (_, i) => `${i}`);
    const full = withPathsThatFit({ ...metadata, paths, paths_complete: true });
    expect(METADATA_MAX_BYTES - Buffer.byteLength(JSON.stringify(full))).toBeLessThan(10_000);
    const text = await signDelivery({ ...delivery, metadata: full }, newRelayKey());
    expect(text.length).toBeLessThanOrEqual(DELIVERY_MAX_BYTES);
  });

  it('cuts paths to what fits, and says that there are more', async () => {
    const paths = Array.from({ length: 300 }, (_, i) => `${i}/${'ü"'.repeat(240)}`);
    const base = { repository: 'acme/web', branch: 'main', paths_complete: true };
    const metadata = withPathsThatFit({ ...base, paths });
    expect(metadata.paths_complete).toBe(false);
    expect(metadata.paths!.length).toBeGreaterThan(20);
    expect(metadata.paths).toEqual(paths.slice(0, metadata.paths!.length));
    await signDelivery(deliveryForTests({ metadata }), newRelayKey());
    const few = { ...base, paths: paths.slice(0, 3) };
    expect(withPathsThatFit(few)).toEqual(few);
  });

  it('wants of each kind what decides about it, and of a pull request whether it comes from a fork', () => {
    const withMetadata = (kind: Delivery['kind'], metadata: DeliveryMetadata): string | null =>
      faultOf(deliveryForTests({ kind, metadata }));
    expect(withMetadata('push', { repository: 'a/b' })).toBe('metadata lacks branch');
    expect(withMetadata('tag', { repository: 'a/b' })).toBe('metadata lacks tag');
    expect(withMetadata('pull_request', { repository: 'a/b', pull_request: 1 })).toBe('metadata lacks fork');
    expect(withMetadata('pull_request', { repository: 'a/b', pull_request: 1, fork: false })).toBeNull();
    expect(withMetadata('other', {})).toBeNull();
  });
});

const fair: [string, unknown[]][] = [
  ['repository', ['acme/web', 'a/b/c/d.e', '~jane/site', 'Codertocat/Hello-World', '.github/.github']],
  [
    'clone_url',
    ['https://github.com/a/b.git', 'https://git.acme.example:8443/scm/~jane/x.git', 'ssh://h:22/a/b'],
  ],
  [
    'branch',
    ['main', 'feature/x#1', 'dependabot/npm_and_yarn/@types/node-20', 'größe', 'a@b', "it's", 'a.b'],
  ],
  ['commit', ['a'.repeat(40), '0'.repeat(63) + '1']],
  ['author', ['octocat', 'dependabot[bot]', '557058:c0b72ad0-1cb5-4018-9cdc-0cde8492c443', 'Émile Zola']],
  ['labels', [['good first issue', '🚀', "d'accord"], []]],
  ['paths', [['src/a b.ts', 'ü']]],
  ['attributes', [{ stage: 'blue' }]],
];
const foul: [string, unknown[]][] = [
  [
    'repository',
    ['acme', '/a/b', 'a//b', 'a/..', '../b', 'a/b/', 'a/b c', 'a/b\n', 'a/\u202eb', 'x'.repeat(600)],
  ],
  [
    'clone_url',
    [
      'https://user:secret@github.com/a/b',
      'https://token@github.com/a/b',
      'http://github.com/a/b',
      'file:///etc/passwd',
      'ext::sh -c id',
      '--upload-pack=id',
      'https://h/a?access_token=x',
      'https://h/a#x',
      'https://h\\@evil/a',
      'git@github.com:a/b.git',
    ],
  ],
  [
    'branch',
    [
      '',
      '-x',
      '/x',
      'x/',
      'a..b',
      'a b',
      'a~1',
      'a^',
      'a:b',
      'a?',
      'a*',
      'a[b',
      'a\\b',
      'a.lock',
      'a.lock/b',
    ].concat([
      '@{',
      'a@{1}',
      '.a',
      'a/.b',
      'a//b',
      'a.',
      'a\u0000',
      'a\n',
      'a\u007f',
      'a\u202eb',
      '\ud800',
      'x'.repeat(251),
    ]),
  ],
  ['commit', ['0'.repeat(40), 'A'.repeat(40), 'a'.repeat(39), 'a'.repeat(41), 'HEAD']],
  ['author', ['', ' a', 'a\nb', 'a/b', '<script>', 'a'.repeat(101)]],
  ['labels', ['bug', [''], ['a\nb'], ['\u001b[31m'], Array.from({ length: 41 }, () => 'a')]],
  ['paths', [['a\u0000'], Array.from({ length: 301 }, () => 'a'), ['x'.repeat(501)]]],
  ['pull_request', [0, -1, 1.5, '1', 3e9]],
  ['fork', ['false', 0, null]],
  ['attributes', [{ A: 'x' }, { __proto__x: 'x' }, { a: 1 }, { a: 'x\ny' }, { a: 'x'.repeat(129) }]],
  ['nothing_of_ours', ['x']],
];

describe('fields of the metadata', () => {
  it.each(fair)('%s: what hosts send passes', (field, values) => {
    for (const value of values) expect([value, metadataFieldFits(field, value)]).toEqual([value, true]);
  });

  it.each(foul)('%s: nothing else does', (field, values) => {
    for (const value of values) expect([value, metadataFieldFits(field, value)]).toEqual([value, false]);
  });

  it('takes an attribute called like the prototype for what it is', () => {
    expect(metadataFieldFits('attributes', JSON.parse('{"__proto__":"x"}'))).toBe(false);
    expect(metadataFieldFits('constructor', 'x')).toBe(false);
  });
});
