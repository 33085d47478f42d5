import { describe, expect, it } from '@jest/globals';
import { tell, TestGroup } from './group.fixtures.js';

describe('a consumer', () => {
  it('holds no more than it asked for, and gets more when it settles some', () => {
    const group = new TestGroup();
    const a = group.join('a', 2);
    group.offer(4);
    expect(group.given()).toEqual(['a:0', 'a:1']);
    expect(group.given()).toEqual([]);
    group.ack(0);
    expect(group.given()).toEqual(['a:2']);
    expect(a.held).toBe(2);
  });

  it('gets nothing for an ack of what it does not hold', () => {
    const group = new TestGroup();
    group.join('a', 1);
    group.offer(2);
    group.given();
    group.ack(1, 7);
    expect(group.given()).toEqual([]);
  });

  it('that goes leaves its messages to the others, oldest first, before new ones', () => {
    const group = new TestGroup();
    const a = group.join('a', 2);
    group.offer(3);
    group.given();
    group.group.leave(a);
    group.join('b', 5);
    expect(group.given()).toEqual(['b:0#1', 'b:1#1', 'b:2']);
  });

  it('that goes again and again parks nothing', () => {
    const group = new TestGroup({ maxRetryCount: 0 });
    group.offer(1);
    for (let times = 0; times < 3; times++) {
      const a = group.join('a', 1);
      expect(group.given()).toHaveLength(1);
      group.group.leave(a);
      expect(group.work().parks).toEqual([]);
    }
  });
});

describe('a message without an answer', () => {
  it('is given again after the time-out, not before', () => {
    const group = new TestGroup();
    group.join('a', 1);
    group.offer(1);
    group.given();
    expect(group.tick(999).deliveries).toEqual([]);
    expect(group.tick(1).deliveries.map(tell)).toEqual(['a:0#1']);
  });

  it('is parked when it was tried as often as it may', () => {
    const group = new TestGroup({ maxRetryCount: 2 });
    group.join('a', 1);
    group.offer(1);
    group.given();
    expect(group.tick(1000).parks).toEqual([]);
    expect(group.tick(1000).parks).toEqual([]);
    expect(group.tick(1000).parks).toMatchObject([
      { message: { number: 0 }, reason: 'Reached retry count of 2' },
    ]);
    expect(group.tick(1000).deliveries).toEqual([]);
  });
});

describe('a nack', () => {
  const nacked = (action: 'park' | 'retry' | 'skip' | 'stop' | 'unknown') => {
    const group = new TestGroup();
    group.join('a', 1);
    group.offer(2);
    group.given();
    group.group.nack(['0'], action, 'bad');
    return group.work();
  };

  it.each(['retry', 'unknown'] as const)('%s gives it again', (action) => {
    expect(nacked(action).deliveries.map(tell)).toEqual(['a:0#1']);
  });

  it.each(['skip', 'stop'] as const)('%s settles it', (action) => {
    const work = nacked(action);
    expect(work.deliveries.map(tell)).toEqual(['a:1']);
    expect(work.parks).toEqual([]);
  });

  it('park asks for it to be parked, says why, and frees the place', () => {
    const work = nacked('park');
    expect(work.deliveries.map(tell)).toEqual(['a:1']);
    expect(work.parks).toMatchObject([
      { message: { number: 0 }, reason: "Client explicitly NAK'ed message.\nbad" },
    ]);
  });
});

describe('the checkpoint', () => {
  it('stands before the lowest message that is not settled', () => {
    const group = new TestGroup();
    group.join('a', 5);
    group.offer(4);
    group.given();
    group.ack(0, 1, 3);
    expect(group.tick(500).checkpoint).toBe(1);
    group.ack(2);
    expect(group.tick(500).checkpoint).toBe(3);
  });

  it('waits for a message that is to be parked', () => {
    const group = new TestGroup();
    group.join('a', 5);
    group.offer(2);
    group.given();
    group.ack(1);
    group.group.nack(['0'], 'park', '');
    const [parked] = group.work().parks;
    expect(group.tick(500).checkpoint).toBeUndefined();
    if (parked) group.group.settle(parked.message);
    expect(group.tick(500).checkpoint).toBe(1);
  });

  it('is due by time only when enough is settled, and at once when very much is', () => {
    const group = new TestGroup({ minCheckpointCount: 2, maxCheckpointCount: 3 });
    group.join('a', 9);
    group.offer(9);
    group.given();
    group.ack(0);
    expect(group.tick(10_000).checkpoint).toBeUndefined();
    group.ack(1);
    expect(group.work().checkpoint).toBeUndefined();
    expect(group.tick(0).checkpoint).toBe(1);
    group.ack(2, 3);
    expect(group.tick(499).checkpoint).toBeUndefined();
    group.ack(4);
    expect(group.work().checkpoint).toBe(4);
  });

  it('moves over events that the group does not want, but not for the sake of its own', () => {
    const group = new TestGroup({ maxCheckpointCount: 10 });
    group.passOver(9);
    expect(group.work().checkpoint).toBeUndefined();
    group.passOver(1);
    expect(group.work().checkpoint).toBe(9);
    group.passOver(50, false);
    expect(group.tick(10_000).checkpoint).toBeUndefined();
    group.passOver(1);
    expect(group.tick(10_000).checkpoint).toBe(60);
  });
});

describe('a replay', () => {
  it('gives parked messages before new ones, after those that are tried again', () => {
    const group = new TestGroup();
    group.join('a', 1);
    group.offer(2);
    group.given();
    group.group.replay(0, 'p0', '');
    group.group.nack(['0'], 'retry', '');
    expect(group.given()).toEqual(['a:0#1']);
    group.ack(0);
    expect(group.given()).toEqual(['a:parked 0']);
    group.group.ack(['p0']);
    expect(group.given()).toEqual(['a:1']);
  });

  it('hides what was replayed once it is settled, and holds no checkpoint back', () => {
    const group = new TestGroup();
    group.join('a', 5);
    group.group.replay(3, 'p3', '');
    group.group.replay(4, 'p4', '');
    group.offer(1);
    group.given();
    group.ack(0);
    expect(group.tick(500)).toMatchObject({ checkpoint: 0, truncateBefore: 3 });
    group.group.ack(['p3']);
    expect(group.work().truncateBefore).toBeUndefined();
    expect(group.tick(0).truncateBefore).toBe(4);
    group.group.ack(['p4']);
    expect(group.work().truncateBefore).toBe(5);
  });
});

describe('the room for events', () => {
  it('is that of the buffer, without what consumers hold', () => {
    const group = new TestGroup({ historyBufferSize: 10 });
    group.join('a', 3);
    group.offer(10);
    expect(group.group.room).toBe(0);
    group.given();
    expect(group.group.room).toBe(3);
  });
});

describe('two messages with one id', () => {
  it('are given one after the other, so that one ack does not settle both', () => {
    const group = new TestGroup();
    group.join('a', 5);
    group.group.offer(0, 'same', '');
    group.group.offer(1, 'same', '');
    group.group.offer(2, 'other', '');
    expect(group.given()).toEqual(['a:0', 'a:2']);
    group.group.ack(['same']);
    expect(group.given()).toEqual(['a:1']);
  });
});
