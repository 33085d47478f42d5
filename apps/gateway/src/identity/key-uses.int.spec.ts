import { identityRequests } from '@hybrid/contracts';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { KeyUses } from './key-uses.js';

interface Told {
  keys: { key_id: string; org: string; at: string }[];
}

describe('uses of API keys', () => {
  let platform: Platform;
  const told: Told[] = [];

  beforeAll(async () => {
    platform = await startPlatform();
    const { nats } = platform.connections;
    nats.subscribe(identityRequests.keysUsed.subject, {
      callback: (_, message) => {
        told.push(message.json<Told>());
        message.respond('null');
      },
    });
    await nats.flush();
  });
  afterAll(() => platform?.stop());
  afterEach(() => {
    told.length = 0;
    jest.useRealTimers();
  });

  it('are told together at the stop, each with its last one', async () => {
    const uses = new KeyUses(platform.connections);
    const before = Date.now();
    for (let use = 0; use < 1_000; use++) uses.note(`k${use % 2}`, 'acme');
    await uses.beforeApplicationShutdown();
    expect(told).toHaveLength(1);
    const [{ keys }] = told as [Told];
    expect(keys.map(({ key_id, org }) => [key_id, org]).sort()).toEqual([
      ['k0', 'acme'],
      ['k1', 'acme'],
    ]);
    for (const { at } of keys) expect(Date.parse(at)).toBeGreaterThanOrEqual(before);
    await uses.beforeApplicationShutdown();
    expect(told).toHaveLength(1);
  });

  it('fit into messages, however many keys there are', async () => {
    const uses = new KeyUses(platform.connections);
    for (let key = 0; key < 20_001; key++) uses.note(`${key}`.padStart(32, '0'), 'o'.repeat(40));
    await uses.beforeApplicationShutdown();
    expect(told.flatMap(({ keys }) => keys)).toHaveLength(20_001);
  });

  it('are told once a minute', async () => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask', 'performance'] });
    const sent: number[] = [];
    const send = () => Promise.resolve(sent.push(Date.now()));
    const uses = new KeyUses({ requests: { send } } as never);
    for (let second = 0; second < 180; second++) {
      uses.note('k1', 'acme');
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(sent).toHaveLength(3);
  });
});
