import { describe, expect, it } from '@jest/globals';
import type { EventTypes, Fact } from '@hybrid/decider';
import { foldVersion, tellOnce, understood } from './event-types.js';
import { toStoredEvent, type StoredEvent } from './stored-event.js';

const types: EventTypes<Fact> = { today: { Added: true } };
const at = (type: string, revision: bigint, downcast?: unknown) =>
  ({ event: { type, data: {} }, metadata: { downcast }, streamId: 'counter-1', revision }) as StoredEvent;

describe('a stored event that cannot be read', () => {
  it('is skipped, and its type told of once, with its stream', () => {
    const heard: string[] = [];
    const tell = tellOnce((message) => heard.push(message));
    expect(understood(types, at('Added', 0n), tell)?.event.type).toBe('Added');
    expect(heard).toEqual([]);
    for (const revision of [1n, 2n]) expect(understood(types, at('Unheard', revision), tell)).toBeNull();
    expect(understood(types, at('Other', 3n), tell)).toBeNull();
    expect(heard).toEqual([
      expect.stringContaining('event Unheard at counter-1/1 '),
      expect.stringContaining('event Other at counter-1/3 '),
    ]);
  });

  it('is read as the version that wrote it says, and told of once', () => {
    const heard: string[] = [];
    const tell = tellOnce((message) => heard.push(message));
    const readAs = { type: 'Added', data: { by: 1 } };
    for (const revision of [1n, 2n])
      expect(understood(types, at('Unheard', revision, readAs), tell)).toMatchObject({
        event: readAs,
        revision,
      });
    expect(heard).toEqual([expect.stringMatching(/^event Unheard at counter-1\/1 .* read as Added/)]);
    // What it knows by itself, it knows better.
    expect(understood(types, at('Added', 3n, { type: 'Added', data: { by: 9 } }), tell)?.event.data).toEqual(
      {},
    );
    expect(heard).toHaveLength(1);
  });

  it.each([null, 'Added', { type: 'Added' }, { type: 'Added', data: 1 }, { type: 'Other', data: {} }])(
    'is skipped where it says of itself %j',
    (downcast) => {
      const heard: string[] = [];
      const tell = tellOnce((message) => heard.push(message));
      expect(understood(types, at('Unheard', 1n, downcast), tell)).toBeNull();
      expect(heard).toEqual([expect.stringContaining('kept and skipped')]);
    },
  );

  it.each([
    ['Added', { isJson: false }, 'is no JSON object'],
    ['Added', { data: 'text' }, 'is no JSON object'],
    ['Added', { data: null }, 'is no JSON object'],
    ['Added', { metadata: undefined }, 'names no organisation'],
    ['Added', { metadata: { org: '' } }, 'names no organisation'],
    ['$metadata', { metadata: undefined }, null],
    ['Added', { streamId: '$settings', metadata: undefined }, null],
  ])('%s with %j: %s', (type, more, expected) => {
    const heard: string[] = [];
    const event = { type, isJson: true, streamId: 'counter-1', revision: 0n, data: {}, ...more };
    expect(toStoredEvent({ event } as never, (_, why) => heard.push(why))).toBeNull();
    expect(heard).toEqual(expected ? [expect.stringContaining(expected)] : []);
  });
});

describe('the version of a fold', () => {
  it('changes with its number, its types and its upcasters, and with nothing else', () => {
    const version = foldVersion(1, types);
    expect(foldVersion(1, { today: { Added: true } })).toBe(version);
    const others = [
      foldVersion(2, types),
      foldVersion(1, { today: { Added: true, Cleared: true } }),
      foldVersion(1, { ...types, upcasts: { Put: () => ({ type: 'Added', data: {} }) } }),
    ];
    expect(new Set([version, ...others]).size).toBe(4);
    for (const one of [version, ...others]) expect(one).toBeLessThan(2 ** 31);
  });
});
