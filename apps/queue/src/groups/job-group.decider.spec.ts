import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { given, goldenEvents } from '@hybrid/testing';
import { JOB_GROUP_FOLD, jobGroupDecider, type TakeSlot } from './job-group.decider.js';
import type { JobGroupEvent } from './job-group.events.js';
import type { Slot } from './slot.js';

const now = '2026-01-01T00:00:00.000Z';
const slot = (job_id: string, attempt = 1, revoked = 0): Slot => ({ job_id, attempt, revoked });
const take = (of: Slot, limit = 1, released: Slot[] = []): TakeSlot => ({
  type: 'TakeSlot',
  group: 'deploy',
  slot: of,
  limit,
  released,
  now,
});
const taken = (of: Slot, limit = 1, released: Slot[] = []): JobGroupEvent => ({
  type: 'SlotTaken',
  data: { group: 'deploy', ...of, limit, released, at: now },
});
const group = (...history: JobGroupEvent[]) => given(jobGroupDecider, ...history);

describe('a concurrency group', () => {
  it('has as many places as its limit', () => {
    group()
      .when(take(slot('a')))
      .then(taken(slot('a')));
    group(taken(slot('a')))
      .when(take(slot('b')))
      .thenRejected('group_full');
    group(taken(slot('a'), 2))
      .when(take(slot('b'), 2))
      .then(taken(slot('b'), 2));
    group(taken(slot('a'), 2), taken(slot('b'), 2))
      .when(take(slot('c'), 2))
      .thenRejected('group_full');
  });

  it('gives the same claim one place, however often it asks', () => {
    group(taken(slot('a')))
      .when(take(slot('a')))
      .thenNothing();
  });

  it('goes by the limit of whoever asks', () => {
    const two = [taken(slot('a'), 2), taken(slot('b'), 2)];
    group(...two)
      .when(take(slot('c'), 3))
      .then(taken(slot('c'), 3));
    group(...two)
      .when(take(slot('c'), 1, [slot('a')]))
      .thenRejected('group_full');
    group(...two)
      .when(take(slot('c'), 1, [slot('a'), slot('b')]))
      .thenTypes('SlotTaken');
  });

  it('gives a place that is over to another, once', () => {
    const passedOn = [taken(slot('a')), taken(slot('b'), 1, [slot('a')])];
    group(taken(slot('a')))
      .when(take(slot('b'), 1, [slot('a')]))
      .then(passedOn[1]!);
    // Decided at the same time, and again after the conflict: the place that it knew is not there any more.
    group(...passedOn)
      .when(take(slot('c'), 1, [slot('a')]))
      .thenRejected('group_full');
  });

  it('keeps the place that a job took again when the one before was found to be over', () => {
    const again = [taken(slot('a')), taken(slot('a', 1, 1))];
    group(...again)
      .when(take(slot('b'), 1, [slot('a')]))
      .thenRejected('group_full');
  });

  it('names in the event only those that held a place', () => {
    group(taken(slot('a')))
      .when(take(slot('b'), 1, [slot('a'), slot('x')]))
      .then(taken(slot('b'), 1, [slot('a')]));
  });

  it('gives a job one place at a time: the next attempt takes over that of the one before', () => {
    const [next] = group(taken(slot('a')))
      .when(take(slot('a', 2)))
      .thenTypes('SlotTaken');
    group(taken(slot('a')), next!)
      .when(take(slot('b')))
      .thenRejected('group_full');
    group(taken(slot('a'), 2), taken(slot('a', 2), 2))
      .when(take(slot('b'), 2))
      .thenTypes('SlotTaken');
  });

  it('refuses a claim that is behind the job', () => {
    group(taken(slot('a', 2)))
      .when(take(slot('a', 1)))
      .thenRejected('slot_outdated');
    group(taken(slot('a', 1, 1)))
      .when(take(slot('a', 1, 0), 5))
      .thenRejected('slot_outdated');
  });
});

describe('stored events of a concurrency group', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), jobGroupDecider, {
    version: JOB_GROUP_FOLD,
    digest: 'e06051b9f2021fd6',
  });

  it('put the job in the place of those that are over', () => {
    const { data } = golden('SlotTaken');
    const before = { holders: [data.released[0]!, slot('b')], limit: 2 };
    const { job_id, attempt, revoked } = data;
    expect(jobGroupDecider.evolve(before, golden('SlotTaken'))).toEqual({
      holders: [slot('b'), { job_id, attempt, revoked }],
      limit: 3,
    });
  });
});
