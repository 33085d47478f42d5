/** Single wrong events in a log that is right otherwise. */
import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@hybrid/event-store';
import { seededRandom, specSeed } from '@hybrid/testing';
import type { JobClaimed, JobEvent } from '../jobs/job.events.js';
import { claim, enqueue, story } from '../jobs/job.fixtures.js';
import { Simulation } from './simulation.fixtures.js';
import { Verifier } from './verifier.js';

const seed = specSeed();

function rightLog(): StoredEvent<JobEvent>[] {
  const simulation = new Simulation(seededRandom(seed));
  for (let step = 0; step < 2_000; step++) simulation.step();
  return simulation.log as StoredEvent<JobEvent>[];
}

function verify(log: StoredEvent[], windowSize?: number) {
  const verifier = new Verifier(windowSize);
  for (const stored of log) verifier.take(stored);
  for (const _ of verifier.end());
  return verifier.result;
}

describe('the verifier', () => {
  const log = rightLog();
  const last = log.at(-1)!;
  const end = last.position!.commit + 1n;
  const plant = (of: StoredEvent, event: object, more = {}): StoredEvent => ({
    ...of,
    event: event as JobEvent,
    revision: of.revision + 1n,
    position: { commit: end, prepare: end },
    ...more,
  });
  /** The last event of a job with this one. */
  const ended = (type: JobEvent['type']) => {
    const id = log.findLast(({ event }) => event.type === type)!.thingId;
    return log.findLast(({ thingId }) => thingId === id)!;
  };
  const found = (...planted: StoredEvent[]) =>
    verify([...log, ...planted]).divergences.map(({ code, position }) => [code, position]);

  it('finds nothing in a right log, and counts what it has seen', () => {
    const { undecided_claims, ...found } = verify(log);
    expect(found).toEqual({
      events: log.length,
      jobs: log.filter(({ event }) => event.type === 'JobEnqueued').length,
      claims: log.filter(({ event }) => event.type === 'JobClaimed').length,
      unexplained_claims: 0,
      divergences: [],
      divergences_total: 0,
    });
    // The ways that are tried for a claim are bounded: in a log of many broken claims one may stay undecided.
    expect(undecided_claims).toBeLessThan(found.claims / 50);
  });

  it('counts the claims that say nothing of their decision', () => {
    const first = log.filter(({ event }) => event.type === 'JobEnqueued' || event.type === 'JobClaimed');
    const old = first.slice(0, 40).map((stored) => {
      const { decision: _, ...data } = stored.event.data as JobClaimed;
      return { ...stored, event: { ...stored.event, data } as JobEvent };
    });
    const claims = old.filter(({ event }) => event.type === 'JobClaimed').length;
    expect(verify(old)).toMatchObject({ claims, unexplained_claims: claims });
    expect(claims).toBeGreaterThan(0);
  });

  /** The last of these jobs is claimed, though the others came first; so many decisions before came to nothing. */
  const jumped = (jobs: number, missing: number, pipeline: (job: number) => string) => {
    const stored: StoredEvent[] = [];
    const add = (job: number, event: JobEvent, revision: bigint) => {
      const commit = BigInt(stored.length + 1);
      const position = { commit, prepare: commit };
      const thing = { streamId: `job-${job}`, category: 'job', thingId: `${job}` };
      stored.push({ ...last, ...thing, event, revision, position });
    };
    for (let job = 1; job <= jobs; job++) {
      const [enqueued] = story(enqueue({ job_id: `${job}`, pipeline_id: pipeline(job) }));
      add(job, enqueued!, 0n);
    }
    const { data } = story(enqueue(), claim('pushy'))[1] as { data: JobClaimed & { run_id: null } };
    const decision = { ...data.decision!, seen: `${jobs}`, turn: missing + 1, pipeline_id: pipeline(jobs) };
    add(jobs, { type: 'JobClaimed', data: { ...data, decision } }, 1n);
    return verify(stored);
  };

  it('counts the claims that it can neither derive nor find wrong, as there are too many ways to try', () => {
    expect(jumped(20, 8, (job) => `p${job}`)).toMatchObject({ undecided_claims: 1, divergences_total: 0 });
  });

  it('finds a claim wrong at once that jumped more jobs than decisions came to nothing', () => {
    const { divergences, ...counts } = jumped(20, 8, () => 'p');
    expect(counts).toMatchObject({ undecided_claims: 0, divergences_total: 1 });
    expect(divergences[0]).toMatchObject({ code: 'wrong_choice', job_id: '20' });
    expect(jumped(9, 8, () => 'p')).toMatchObject({ undecided_claims: 0, divergences_total: 0 });
  });

  it.each<[string, string, JobEvent['type'], object]>([
    [
      'a claim of a completed job',
      'claimed_while_not_waiting',
      'JobCompleted',
      { type: 'JobClaimed', data: {} },
    ],
    ['a second result', 'ended_twice', 'JobCompleted', { type: 'JobFailed', data: {} }],
    ['a cancelled job that comes back', 'ended_twice', 'JobCancelled', { type: 'JobRequeued', data: {} }],
  ])('finds %s', (_, code, of, event) => {
    expect(found(plant(ended(of), event))).toEqual([[code, end.toString()]]);
  });

  it('finds a job put back that waits, unless a later version says so of an event that delays it', () => {
    const waits = log.findLast(({ thingId, event }) => {
      const last = log.findLast((other) => other.thingId === thingId);
      return event.type === 'JobEnqueued' && last?.event === event;
    })!;
    const { at } = waits.event.data as { at: string };
    const back = { type: 'JobRequeued' as const, data: { reason: 'retry', available_at: at, at } };
    expect(found(plant(waits, back))).toEqual([['result_of_another_attempt', end.toString()]]);
    const metadata = { ...waits.metadata, downcast: back };
    expect(found(plant(waits, { type: 'JobPostponed', data: {} }, { metadata }))).toEqual([]);
  });

  it('finds the result of another attempt, and a start by another agent', () => {
    const live = new Map<string, StoredEvent<JobEvent>>();
    for (const stored of log) live.set(stored.thingId, stored);
    const claimed = [...live.values()].find(({ event }) => event.type === 'JobClaimed')!;
    const { attempt, agent_id, at } = claimed.event.data as JobClaimed;
    const result = { agent_id, exit_code: 0, at };
    const wrong = ['result_of_another_attempt', end.toString()];
    expect(
      found(plant(claimed, { type: 'JobCompleted', data: { ...result, attempt: attempt + 1 } })),
    ).toEqual([wrong]);
    expect(found(plant(claimed, { type: 'JobStarted', data: { attempt, agent_id: 'x', at } }))).toEqual([
      wrong,
    ]);
    expect(found(plant(claimed, { type: 'JobCompleted', data: { ...result, attempt } }))).toEqual([]);
  });

  it('names the first of many, in the order of the log', () => {
    const one = plant(ended('JobCompleted'), { type: 'JobFailed', data: {} });
    const many = Array.from({ length: 30 }, (_, index) => ({
      ...one,
      revision: one.revision + BigInt(index),
      position: { commit: end + BigInt(index), prepare: end },
    }));
    const { divergences, divergences_total } = verify([...log, ...many]);
    expect(divergences_total).toBe(30);
    expect(divergences.map(({ position }) => position)).toEqual(
      Array.from({ length: 20 }, (_, index) => (end + BigInt(index)).toString()),
    );
  });

  it('refuses to believe a claim that was decided long before', () => {
    const { divergences } = verify(log, 1);
    expect(divergences[0]).toMatchObject({
      code: 'wrong_choice',
      detail: expect.stringContaining('so long before it was made') as unknown,
    });
  });
});
