import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import type { RunningJob } from '@hybrid/contracts';
import { COMPLETE, DeliveryBench, LOGS } from '../test/delivery-bench.js';
import { Attempts } from './attempts.js';
import type { Outcome } from './spool.js';

const DONE: Outcome = { what: 'complete', body: { exit_code: 0 } };

describe('attempts of an earlier life', () => {
  let bench: DeliveryBench;
  let attempts: Attempts;
  let named: RunningJob;
  beforeEach(async () => {
    bench = new DeliveryBench();
    await bench.open();
    attempts = new Attempts(bench.notify);
    named = { job_id: bench.key.job_id, attempt: 1 };
    bench.attempt.log.add('stdout', 'a line');
    await bench.attempt.end(DONE);
  });
  afterEach(() => bench.close());

  const over = () => eventually(() => expect(attempts.size).toBe(0));

  it('are vouched for until they are told, and take no place', async () => {
    attempts.resend(named, bench.delivery());
    expect([attempts.taken, attempts.size, attempts.accepted, attempts.idleMs]).toEqual([0, 1, 0, 0]);
    expect(attempts.vouchedFor()).toEqual([named]);
    await over();
    expect(attempts.accepted).toBe(1);
    expect(attempts.vouchedFor()).toEqual([]);
    expect(bench.record.completed).toHaveLength(1);
  });

  it('count as accepted only where the gateway has taken the result', async () => {
    bench.gateway.lost.add(named.job_id);
    attempts.resend(named, bench.delivery());
    await over();
    expect(attempts.accepted).toBe(0);
  });

  it('are lost when a heartbeat named them, and no more vouched for from then on', async () => {
    bench.gateway.fail('POST', LOGS, 'away', Infinity);
    attempts.resend(named, bench.delivery());
    // That heartbeat named an attempt of the job before this one.
    attempts.lose([named.job_id], [{ ...named }]);
    attempts.lose(['another'], attempts.vouchedFor());
    expect(attempts.vouchedFor()).toEqual([named]);
    attempts.lose([named.job_id], attempts.vouchedFor());
    expect(attempts.vouchedFor()).toEqual([]);
    await over();
    expect([bench.record.completed, attempts.accepted]).toEqual([[], 0]);
  });

  it('are vouched for although a heartbeat says lost, once their result is on its way', async () => {
    bench.gateway.fail('PATCH', COMPLETE, 'away');
    attempts.resend(named, bench.delivery());
    await eventually(() => expect(bench.asked(COMPLETE)).toBe(1));
    attempts.lose([named.job_id], attempts.vouchedFor());
    expect(attempts.vouchedFor()).toEqual([named]);
    await over();
    expect(attempts.accepted).toBe(1);
  });
});
