/** What the gateway hears of an attempt, whatever it does with the requests and however often the agent starts anew. */
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, seededRandom } from '@hybrid/testing';
import { COMPLETE, DeliveryBench, LOGS } from '../test/delivery-bench.js';
import type { Outcome } from './spool.js';

const DONE: Outcome = { what: 'complete', body: { exit_code: 3, outputs: { version: '1.2.3' } } };
const REFUSED = { status: 422, json: { code: 'invalid_input', detail: 'too strange' } };
/** Two of these fill a batch. */
const LONG = 'x'.repeat(120_000);

describe('what is told of an attempt', () => {
  let bench: DeliveryBench;
  beforeEach(async () => {
    bench = new DeliveryBench();
    await bench.open();
  });
  afterEach(() => bench.close());

  const write = (...texts: string[]) => {
    for (const text of texts) bench.attempt.log.add('stdout', text);
  };

  it('is each line and one result, each once and in order, where nothing goes wrong', async () => {
    write('first', LONG, LONG, LONG, 'last');
    await bench.attempt.end(DONE);
    expect(await bench.delivery().run()).toBe('accepted');
    expect(bench.record.came).toEqual([0, 1, 2, 3, 4]);
    expect(bench.texts).toEqual(['first', LONG, LONG, LONG, 'last']);
    expect(bench.record.accepted).toEqual(['logs', 'logs', 'complete']);
    expect(bench.record.completed).toMatchObject([DONE.body]);
    await bench.expectNothingKept();
  });

  it('is all that was written, in order, and then one result, whatever goes wrong', async () => {
    const random = seededRandom();
    const rounds = Array.from({ length: 12 }, () => seededRandom(Math.floor(random() * 2 ** 31)));
    await Promise.all(rounds.map(tellByChance));
  });

  it('takes room on the disk until the gateway has said that it has it', async () => {
    bench.gateway.fail('POST', LOGS, 'away', 2);
    write('first', LONG, LONG, LONG, 'last');
    await bench.attempt.end(DONE);
    const bytes = bench.room.used;
    expect(bytes).toBeGreaterThan(3 * LONG.length);
    const delivery = bench.delivery();
    const run = delivery.run();
    await eventually(() => expect(bench.asked(LOGS)).toBe(2));
    expect(bench.room.used).toBe(bytes);
    delivery.leave();
    expect(await run).toBe('left');
    await bench.restart();
    expect(bench.room.used).toBe(bytes);
    expect(await bench.delivery().run()).toBe('accepted');
    expect(bench.record.came).toEqual([0, 1, 2, 3, 4]);
    await bench.expectNothingKept();
  });

  it('says what was left out of a log that is cut', async () => {
    bench.gateway.logLimit = LONG.length;
    write('first');
    const run = bench.delivery().run();
    await eventually(() => expect(bench.texts).toEqual(['first']));
    write(LONG, LONG);
    await eventually(() => expect(bench.texts.at(-1)).toContain('is longer than'));
    write('counted');
    await bench.attempt.end(DONE);
    expect(await run).toBe('accepted');
    expect(bench.texts.at(-1)).toBe('3 line(s) of the log were left out');
    expect(bench.record.came).toEqual([...bench.record.came].sort((a, b) => a - b));
    expect(new Set(bench.record.came).size).toBe(bench.record.came.length);
    await bench.expectNothingKept();
  });

  it('is all but the lines that are refused for good', async () => {
    bench.gateway.fail('POST', LOGS, 'take');
    bench.gateway.fail('POST', LOGS, REFUSED);
    write('0', LONG, LONG, LONG, LONG, LONG, '6');
    await bench.attempt.end(DONE);
    expect(await bench.delivery().run()).toBe('accepted');
    expect(bench.record.came).toEqual([0, 1, 2, 5, 6]);
    expect(bench.record.accepted).toEqual(['logs', 'logs', 'complete']);
    expect(bench.notices).toEqual([expect.stringContaining('a part of its log was refused')]);
    await bench.expectNothingKept();
  });

  it.each([409, 404])('is nothing more once lines of it are refused with %i', async (status) => {
    bench.gateway.fail('POST', LOGS, { status, json: { code: 'lease_lost', detail: 'another has it' } });
    write('0', LONG, LONG, LONG);
    await bench.attempt.end(DONE);
    const delivery = bench.delivery();
    expect(await delivery.run()).toBe('dropped');
    // Its processes hear of it by this.
    expect(delivery.signal.reason).toMatchObject({ why: 'lost' });
    expect(bench.gateway.requests).toHaveLength(1);
    await bench.expectNothingKept();
  });

  it('is told again where the agent’s credential was not known for a moment', async () => {
    for (const path of [LOGS, COMPLETE])
      bench.gateway.fail(path === LOGS ? 'POST' : 'PATCH', path, { status: 401 });
    write('a line');
    await bench.attempt.end(DONE);
    expect(await bench.delivery().run()).toBe('accepted');
    expect(bench.texts).toEqual(['a line']);
    expect(bench.record.completed).toMatchObject([DONE.body]);
  });

  describe('when the log cannot be taken', () => {
    it('waits for a gateway that is away for as long as that takes', async () => {
      bench.gateway.fail('POST', LOGS, 'hang up', 3);
      write('a line');
      await bench.attempt.end(DONE);
      expect(await bench.delivery(1).run()).toBe('accepted');
      expect(bench.texts).toEqual(['a line']);
    });

    it('waits for a gateway that answers while the attempt goes on', async () => {
      bench.gateway.fail('POST', LOGS, 'away', 3);
      const run = bench.delivery(1).run();
      write('a line');
      await eventually(() => expect(bench.texts).toEqual(['a line']));
      await bench.attempt.end(DONE);
      expect(await run).toBe('accepted');
    });

    it('loses patience with failures on end only, not with one now and then', async () => {
      for (let batch = 0; batch < 3; batch++)
        for (const how of ['away', 'take'] as const) bench.gateway.fail('POST', LOGS, how);
      write(LONG, LONG, LONG, LONG, LONG, LONG);
      await bench.attempt.end(DONE);
      // Shorter than the pause after any failure.
      expect(await bench.delivery(100).run()).toBe('accepted');
      expect(bench.record.came).toEqual([0, 1, 2, 3, 4, 5]);
    });
  });

  it('is nothing more once a heartbeat says that the job is another’s', async () => {
    write('a line');
    const delivery = bench.delivery();
    const run = delivery.run();
    await eventually(() => expect(bench.texts).toEqual(['a line']));
    expect(delivery.lose()).toBe(true);
    await bench.attempt.end(DONE);
    expect(await run).toBe('dropped');
    expect(bench.asked(COMPLETE)).toBe(0);
    await bench.expectNothingKept();
  });

  it('is the result whose sending has begun, as its answer says whose the job is', async () => {
    bench.gateway.fail('PATCH', COMPLETE, 'hang up after');
    await bench.attempt.end(DONE);
    const delivery = bench.delivery();
    const run = delivery.run();
    await eventually(() => expect(bench.asked(COMPLETE)).toBe(1));
    expect(delivery.lose()).toBe(false);
    expect(await run).toBe('accepted');
  });

  it('is a failure where the result is refused, and nothing where that is refused too', async () => {
    bench.gateway.fail('PATCH', COMPLETE, REFUSED, 2);
    await bench.attempt.end(DONE);
    expect(await bench.delivery().run()).toBe('dropped');
    expect(bench.asked(COMPLETE)).toBe(2);
    await bench.expectNothingKept();
  });

  it('is no failure where a job is handed back and the gateway does not want it', async () => {
    bench.gateway.fail('POST', /release$/, REFUSED);
    await bench.attempt.end({ what: 'release', body: { reason: 'the agent was stopped' } });
    expect(await bench.delivery().run()).toBe('dropped');
    expect(bench.gateway.requests).toEqual([expect.stringMatching(/release$/)]);
    await bench.expectNothingKept();
  });
});

/** One attempt of some batches: requests fail, answers are lost, the agent is stopped and started again, all by chance. */
async function tellByChance(random: () => number): Promise<void> {
  const bench = new DeliveryBench();
  await bench.open();
  const below = (count: number) => Math.floor(random() * count);
  const oneOf = <T>(...all: T[]) => all[below(all.length)]!;
  const { gateway, record } = bench;
  /** Requests that may have been taken though the agent does not know. */
  let unheard = 0;
  const trouble = (method: string, path: RegExp, requests: number) => {
    for (let request = 0; request < requests; request++) {
      const how = oneOf('take', 'take', 'take', 'away', 'hang up', 'hang up after');
      if (how === 'hang up after') unheard++;
      gateway.fail(method, path, how);
    }
  };
  trouble('POST', LOGS, 5);
  trouble('PATCH', COMPLETE, 2);
  try {
    let delivery = bench.delivery();
    let run = delivery.run();
    const texts = Array.from(
      { length: 2 + below(20) },
      (_, line) => `${line} ${'ä'.repeat(oneOf(0, 100, 50_000))}`,
    );
    for (const text of texts) {
      bench.attempt.log.add('stdout', text);
      // Else batches end by their size alone.
      if (random() < 0.1) await eventually(() => expect(gateway.requests).not.toEqual([]));
    }
    await bench.attempt.end(DONE);
    for (let stops = below(4); stops > 0; stops--) {
      const requests = gateway.requests.length + below(3);
      let over = false;
      void run.then(() => (over = true));
      await eventually(() => expect(over || gateway.requests.length >= requests).toBe(true));
      delivery.leave();
      if ((await run) !== 'left') break;
      unheard++;
      expect(await bench.restart()).toHaveLength(1);
      delivery = bench.delivery();
      run = delivery.run();
    }
    expect(await run).toBe('accepted');
    expect(bench.texts).toEqual(texts);
    expect([...new Set(record.came)]).toEqual(texts.map((_, seq) => seq));
    const jumps = record.came.filter((seq, index) => index > 0 && seq !== record.came[index - 1]! + 1);
    expect(jumps.length + record.completed.length - 1).toBeLessThanOrEqual(unheard);
    expect(record.accepted.lastIndexOf('logs')).toBeLessThan(record.accepted.indexOf('complete'));
    for (const result of record.completed) expect(result).toMatchObject(DONE.body);
    await bench.expectNothingKept();
  } finally {
    await bench.close();
  }
}
