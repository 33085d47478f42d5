import {
  CLAIM_ABANDONED_SUBJECT,
  CLAIM_SLICE_SECONDS,
  partitionClaim,
  problem,
  queueRequests,
  type CallContext,
  type ClaimAbandoned,
  type ClaimedJob,
  type ClaimJobCommand,
} from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimJobs } from './claims.js';
import { startMessaging, type Messaging } from './fake-queue.fixtures.js';

type Answer = (request: ClaimJobCommand) => Promise<ClaimedJob[]>;

const POOL = 'fast';
const call: CallContext = { org: 'default', actor: { type: 'agent', id: 'a' }, correlationId: 'c' };
const job = (id: string) => ({ id, status: 'CLAIMED', attempt: 1 }) as ClaimedJob;
const never = new AbortController().signal;
const cutOff: Answer = async () => {
  throw problem('unavailable', 'replica_cut_off', 'the event store does not answer');
};
const hangs: Answer = () => new Promise(() => undefined);

describe('a claim for an agent', () => {
  let messaging: Messaging;
  let asked: { at: 'partition' | 'any'; request: ClaimJobCommand }[];
  let abandoned: string[];

  beforeAll(async () => {
    messaging = await startMessaging();
    messaging.nats.subscribe(CLAIM_ABANDONED_SUBJECT, {
      callback: (_, message) => void abandoned.push(message.json<ClaimAbandoned>().claim_id),
    });
  });
  afterAll(() => messaging?.stop());
  beforeEach(() => {
    asked = [];
    abandoned = [];
  });
  afterEach(() => messaging.forget());

  /** A queue that answers as told, at the pool's partition or at any replica's subject. */
  const serve = (at: 'partition' | 'any', answer: Answer) =>
    messaging.serve(at === 'any' ? queueRequests.claim : partitionClaim(call.org, POOL), (request) => {
      asked.push({ at, request });
      return answer(request);
    });
  const claim = (more: Partial<ClaimJobCommand> = {}, over: AbortSignal = never) =>
    claimJobs(messaging, { agent_id: 'a', pool: POOL, wait_seconds: 0, ...more }, call, over);
  const places = () => asked.map(({ at }) => at);

  it('is asked of whoever serves its pool', async () => {
    await serve('any', async () => [job('wrong')]);
    await serve('partition', async () => [job('one'), job('two')]);
    expect(await claim({ count: 2 })).toEqual([job('one'), job('two')]);
    expect(asked).toEqual([
      { at: 'partition', request: expect.objectContaining({ count: 2, pool: POOL }) as unknown },
    ]);
  });

  it.each<[what: string, answer: Answer | undefined]>([
    ['nobody serves its pool', undefined],
    ['who serves its pool is cut off', cutOff],
  ])('is asked of any when %s', async (_, answer) => {
    if (answer) await serve('partition', answer);
    await serve('any', async () => [job('one')]);
    expect(await claim()).toEqual([job('one')]);
    expect(places()).toEqual(answer ? ['partition', 'any'] : ['any']);
  });

  it('is asked of any when who serves its pool hangs, who is told to forget it', async () => {
    await serve('partition', hangs);
    await serve('any', async () => [job('one')]);
    expect(await claim()).toEqual([job('one')]);
    const [first, second] = asked.map(({ request }) => request.claim_id);
    expect(first).not.toBe(second);
    await eventually(() => expect(abandoned).toEqual([first]));
  });

  it('waits in slices', async () => {
    await serve('partition', async () => (asked.length > 4 ? [job('late')] : []));
    const begun = performance.now();
    expect(await claim({ wait_seconds: 60 })).toEqual([job('late')]);
    for (const { request } of asked) expect(request.wait_seconds).toBeLessThanOrEqual(CLAIM_SLICE_SECONDS);
    // Answers that come early are no reason to ask all the time.
    expect(performance.now() - begun).toBeGreaterThan(900);
  });

  it('ends with nothing when the wait is over', async () => {
    await serve('partition', async () => []);
    const begun = performance.now();
    expect(await claim({ wait_seconds: 1 })).toEqual([]);
    expect(performance.now() - begun).toBeGreaterThanOrEqual(999);
  });

  it('gets its job from a queue that comes back while it waits', async () => {
    const waiting = claim({ wait_seconds: 20 });
    await serve('any', cutOff);
    await eventually(() => expect(asked.length).toBeGreaterThan(1));
    await serve('partition', async () => [job('one')]);
    expect(await waiting).toEqual([job('one')]);
  });

  it.each<[what: string, answer: Answer | undefined, code: string]>([
    ['nobody answers', undefined, 'service_unavailable'],
    ['every replica is cut off', cutOff, 'replica_cut_off'],
  ])('is refused at the end of its wait when %s', async (_, answer, code) => {
    if (answer) await serve('any', answer);
    for (const wait_seconds of [0, 0.5])
      await expect(claim({ wait_seconds })).rejects.toMatchObject({ problem: { kind: 'unavailable', code } });
  });

  it('is refused at once by what no other replica would see differently', async () => {
    const refuse = async (): Promise<ClaimedJob[]> => {
      throw problem('forbidden', 'agent_unknown', 'no such agent');
    };
    await serve('partition', refuse);
    await serve('any', async () => [job('one')]);
    await expect(claim({ wait_seconds: 30 })).rejects.toMatchObject({ problem: { code: 'agent_unknown' } });
    expect(places()).toEqual(['partition']);
  });

  it('is abandoned when its agent hangs up: whoever has it is told, and nobody else is asked', async () => {
    const over = new AbortController();
    let answer: (jobs: ClaimedJob[]) => void = () => undefined;
    await serve('partition', () => new Promise((resolve) => (answer = resolve)));
    const waiting = claim({ wait_seconds: 50 }, over.signal);
    await eventually(() => expect(asked).toHaveLength(1));
    over.abort();
    await eventually(() => expect(abandoned).toEqual([asked[0]?.request.claim_id]));
    answer([]);
    expect(await waiting).toEqual([]);
    expect(await claim({ wait_seconds: 50 }, over.signal)).toEqual([]);
    expect(asked).toHaveLength(1);
  });
});
