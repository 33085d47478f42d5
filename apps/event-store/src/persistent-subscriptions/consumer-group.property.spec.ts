/** Whatever consumers do, no message is lost, none is forced on them, and no checkpoint runs ahead. */
import { describe, expect, it } from '@jest/globals';
import { specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import type { Delivery, NackAction } from './consumer-group.js';
import { STRATEGIES } from './consumer-strategy.js';
import { consumer, TestGroup, type TestConsumer } from './group.fixtures.js';

const seed = specSeed();

type Step =
  | { kind: 'offer' | 'passOver' | 'tick' | 'join'; amount: number }
  | { kind: 'leave' | 'ack' | 'parked'; pick: number }
  | { kind: 'nack'; pick: number; action: NackAction };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('offer' as const, 'passOver' as const, 'tick' as const, 'join' as const),
      amount: fc.integer({ min: 1, max: 8 }),
    }),
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('ack' as const), pick: fc.nat(50) }) },
    fc.record({ kind: fc.constantFrom('leave' as const, 'parked' as const), pick: fc.nat(50) }),
    fc.record({
      kind: fc.constant('nack' as const),
      pick: fc.nat(50),
      action: fc.constantFrom<NackAction>('park', 'retry', 'skip', 'stop', 'unknown'),
    }),
  ),
  { maxLength: 120 },
);

/** Runs the steps, checking after each; then lets one consumer ack all that is left. */
function run(strategy: (typeof STRATEGIES)[number], plan: readonly Step[]): void {
  const test = new TestGroup({ consumerStrategy: strategy, maxRetryCount: 2, historyBufferSize: 20 });
  const consumers: TestConsumer[] = [];
  const offered = new Set<number>();
  const settled = new Set<number>();
  const toPark: { message: { number: number } }[] = [];
  const inFlight = new Map<string, TestConsumer>();
  const given: Delivery<TestConsumer>[] = [];
  let number = 0;

  const work = (tick: boolean) => {
    const { deliveries, parks, checkpoint } = tick ? test.tick(400) : test.work();
    given.push(...deliveries);
    for (const { message, consumer: to } of deliveries) {
      expect(settled.has(message.number)).toBe(false);
      inFlight.set(message.id, to);
    }
    toPark.push(...parks);
    for (const each of consumers) {
      const held = given.filter((delivery) => delivery.consumer === each && test.group.holds(delivery));
      expect(held.length).toBeLessThanOrEqual(each.size);
      expect(each.held).toBe(held.length);
    }
    if (checkpoint !== undefined)
      for (const each of offered) if (each <= checkpoint) expect(settled.has(each)).toBe(true);
    expect(test.group.room).toBeGreaterThanOrEqual(0);
  };
  const idAt = (pick: number) => [...inFlight.keys()][pick % Math.max(1, inFlight.size)];

  for (const step of plan) {
    switch (step.kind) {
      case 'offer':
        for (let left = Math.min(step.amount, test.group.room); left > 0; left--, number++) {
          offered.add(number);
          test.group.offer(number, String(number), `stream-${number % 3}`);
        }
        break;
      case 'passOver':
        for (let left = step.amount; left > 0; left--) test.group.passOver(number++, left % 2 === 0);
        break;
      case 'tick':
        test.now += step.amount * 300;
        break;
      case 'join': {
        const joined = consumer(`c${consumers.length}`, step.amount);
        consumers.push(joined);
        test.group.join(joined);
        break;
      }
      case 'leave': {
        const [gone] = consumers.splice(step.pick % Math.max(1, consumers.length), 1);
        if (gone) test.group.leave(gone);
        break;
      }
      case 'ack': {
        const id = idAt(step.pick);
        if (id === undefined) break;
        for (const { message } of test.group.ack([id])) settled.add(message.number);
        inFlight.delete(id);
        break;
      }
      case 'nack': {
        const id = idAt(step.pick);
        if (id === undefined) break;
        const before = test.group.counts.inFlight;
        test.group.nack([id], step.action, '');
        const was = test.group.counts.inFlight < before;
        if (was && (step.action === 'skip' || step.action === 'stop')) settled.add(Number(id));
        inFlight.delete(id);
        break;
      }
      case 'parked': {
        const [parked] = toPark.splice(step.pick % Math.max(1, toPark.length), 1);
        if (!parked) break;
        test.group.settle(parked.message as never);
        settled.add(parked.message.number);
        break;
      }
    }
    work(step.kind === 'tick');
  }

  for (const each of consumers.splice(0)) test.group.leave(each);
  test.group.join(consumer('last', 1000));
  for (const { message } of test.work().deliveries) {
    test.group.ack([message.id]);
    settled.add(message.number);
  }
  for (const { message } of [...toPark, ...test.last.parks]) settled.add(message.number);
  expect([...offered].filter((each) => !settled.has(each))).toEqual([]);
}

describe(`any course of events`, () => {
  it.each(STRATEGIES)('%s: settles every event once, within what consumers asked for', (strategy) => {
    fc.assert(
      fc.property(steps, (plan) => run(strategy, plan)),
      { seed, numRuns: 300 },
    );
  });
});
