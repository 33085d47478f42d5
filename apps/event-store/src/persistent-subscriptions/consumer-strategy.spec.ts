import { describe, expect, it } from '@jest/globals';
import { TestGroup } from './group.fixtures.js';

describe('DispatchToSingle', () => {
  it('gives all to one until that one is full', () => {
    const group = new TestGroup({ consumerStrategy: 'DispatchToSingle' });
    group.join('a', 2);
    group.join('b', 2);
    group.offer(3);
    expect(group.given()).toEqual(['a:0', 'a:1', 'b:2']);
  });
});

describe('RoundRobin', () => {
  it('gives one after the other, passing over who is full', () => {
    const group = new TestGroup({ consumerStrategy: 'RoundRobin' });
    group.join('a', 1);
    group.join('b', 3);
    group.offer(5);
    expect(group.given()).toEqual(['a:0', 'b:1', 'b:2', 'b:3']);
  });
});

describe.each(['Pinned', 'PinnedByCorrelation'] as const)('%s', (consumerStrategy) => {
  const streams = (number: number) => `order-${number % 10}`;

  it('gives what belongs together to one consumer, and uses all of them', () => {
    const group = new TestGroup({ consumerStrategy });
    for (const name of ['a', 'b', 'c']) group.join(name, 100);
    const owners = new Map<string, Set<string>>();
    for (let round = 0; round < 3; round++) {
      group.offer(30, streams);
      for (const { consumer, message } of group.work().deliveries)
        owners.set(message.pin, (owners.get(message.pin) ?? new Set()).add(consumer.name));
      group.ack(...Array.from({ length: 90 }, (_, number) => number));
    }
    expect([...owners.values()].map((names) => names.size)).toEqual(Array(10).fill(1));
    expect(new Set([...owners.values()].flatMap((names) => [...names])).size).toBe(3);
  });

  it('lets a message wait for its consumer while others go on', () => {
    const group = new TestGroup({ consumerStrategy });
    group.join('a', 1);
    group.join('b', 1);
    group.offer(3, (number) => (number < 2 ? 'x' : 'y'));
    expect(group.given()).toEqual(['a:0', 'b:2']);
    group.ack(0);
    expect(group.given()).toEqual(['a:1']);
  });

  it('gives a newcomer its share, and the share of one who goes to the others', () => {
    const group = new TestGroup({ consumerStrategy });
    const a = group.join('a', 100);
    group.offer(10, streams);
    group.given();
    group.ack(...Array.from({ length: 10 }, (_, number) => number));
    group.join('b', 100);
    group.offer(10, streams);
    const shared = group.given();
    expect(shared.filter((given) => given.startsWith('a')).length).toBeGreaterThan(2);
    expect(shared.filter((given) => given.startsWith('b')).length).toBeGreaterThan(2);
    group.group.leave(a);
    expect(group.given().every((given) => given.startsWith('b'))).toBe(true);
  });
});
