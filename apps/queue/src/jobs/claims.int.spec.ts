import { jsonEvent } from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemError, queueRequests, type ClaimedJob, type Request } from '@hybrid/contracts';
import { Things, type Thing } from '@hybrid/event-store';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { randomUUID } from 'node:crypto';
import { QueueModule } from '../app.module.js';
import { jobDecider, type JobCommand } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import { decision } from './job.fixtures.js';
import type { JobState } from './job.state.js';

const CLAIMERS = 50;
const ROUNDS = 1_000;
/** Rounds in which all claimers race for the append itself, which is dearer than being told by the index. */
const BLIND_ROUNDS = 100;

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: { commands: ['true'] } } };

type JobThings = Things<JobState, JobCommand, JobEvent>;

describe('a claim', () => {
  let platform: Platform;
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(QueueModule);
    await platform.serve(QueueModule);
  });
  afterAll(() => platform.stop());

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (more: object) =>
    send(queueRequests.enqueue, { job_id: randomUUID(), backoff_seconds: 0, spec, ...more });
  const things = (): JobThings => new Things(platform.connections.eventStore, 'job', jobDecider);
  const claimsOf = async (id: string) => {
    const history = await things().history(id);
    return history.flatMap(({ event, id: eventId }) =>
      event.type === 'JobClaimed' ? [{ eventId, ...event.data }] : [],
    );
  };
  const command = (agent_id: string): JobCommand & { type: 'ClaimJob' } => {
    const now = new Date().toISOString();
    return {
      type: 'ClaimJob',
      agent_id,
      lease_token: randomUUID(),
      lease_expires_at: now,
      decision,
      slot: null,
      now,
    };
  };
  const claimBy = (store: JobThings, id: string, claim: JobCommand, known?: Thing<JobState>) =>
    store.handle(id, claim, user, known).catch((error: unknown) => {
      if (!(error instanceof ProblemError) || error.problem.code !== 'job_not_available') throw error;
      return null;
    });

  it(`is won by one of ${CLAIMERS} agents at two replicas, ${ROUNDS} times in a row`, async () => {
    const { id } = await enqueue({ pool: 'race', max_attempts: ROUNDS + 1 });
    const won: ClaimedJob[] = [];
    const agent = async (agent_id: string) => {
      while (won.length < ROUNDS) {
        const [job] = await send(
          queueRequests.claim,
          { agent_id, pool: 'race', wait_seconds: 1 },
          callBy('agent', agent_id),
        );
        if (!job) continue;
        won.push(job);
        const { attempt, lease_token } = job;
        const exit_code = won.length < ROUNDS ? 1 : 0;
        await send(queueRequests.complete, { job_id: id, agent_id, attempt, lease_token, exit_code });
      }
    };
    await Promise.all(Array.from({ length: CLAIMERS }, (_, index) => agent(`agent-${index}`)));
    const claims = await claimsOf(id);
    expect(claims.map(({ attempt }) => attempt)).toEqual(Array.from({ length: ROUNDS }, (_, i) => i + 1));
    // Whoever was told that it won is the one that the stream names, and nobody else was told.
    expect(won.map(({ attempt, lease_token }) => ({ attempt, lease_token }))).toEqual(
      claims.map(({ attempt, lease_token }) => ({ attempt, lease_token })),
    );
    expect(new Set(claims.map(({ eventId }) => eventId)).size).toBe(ROUNDS);
    expect((await send(queueRequests.get, { job_id: id })).status).toBe('COMPLETED');
  });

  it(`is won by one of ${CLAIMERS} claimants that all take the job for free, in each of ${BLIND_ROUNDS} rounds`, async () => {
    // Each with a memory of its own, as a replica has.
    const stores = Array.from({ length: CLAIMERS }, things);
    for (let round = 0; round < BLIND_ROUNDS; round++) {
      const { id } = await enqueue({ pool: 'blind' });
      const known = await stores[0]!.load(id, 'default');
      const outcomes = await Promise.all(
        stores.map(async (store, index) => {
          const claim = command(`agent-${index}`);
          return (await claimBy(store, id, claim, known)) && claim.lease_token;
        }),
      );
      const winners = outcomes.filter((token) => token !== null);
      expect(winners).toHaveLength(1);
      expect((await claimsOf(id)).map(({ lease_token }) => lease_token)).toEqual(winners);
    }
  });

  it('would be told to both of two claimants that used one event id: the token in the stream decides', async () => {
    const { id } = await enqueue({ pool: 'one-id', labels: { nobody: 'has' } });
    const { revision } = await things().load(id, 'default');
    const shared = randomUUID();
    const claim = (agent_id: string) => {
      const { type: _, now, ...lease } = command(agent_id);
      const data = { attempt: 1, ...lease, at: now, run_id: null };
      const metadata = { org: 'default', actor: user.actor, $correlationId: 'c', version: 1 };
      return { data, event: jsonEvent({ id: shared, type: 'JobClaimed', data, metadata } as never) };
    };
    const [first, second] = [claim('a'), claim('b')];
    const { eventStore } = platform.connections;
    const append = (event: ReturnType<typeof claim>['event']) =>
      eventStore.appendToStream(`job-${id}`, event, { expectedRevision: revision! });
    // The store compares ids, not data.
    expect((await append(first.event)).nextExpectedRevision).toBe(revision! + 1n);
    expect((await append(second.event)).nextExpectedRevision).toBe(revision! + 1n);
    expect((await claimsOf(id)).map(({ lease_token }) => lease_token)).toEqual([first.data.lease_token]);
    // Should it ever happen: only the one whose token was stored can go on.
    const start = ({ data: { agent_id, attempt, lease_token } }: typeof first) =>
      send(queueRequests.start, { job_id: id, agent_id, attempt, lease_token });
    await expect(start(second)).rejects.toMatchObject({ problem: { code: 'lease_lost' } });
    expect((await start(first)).status).toBe('RUNNING');
  });

  it('has an event id of its own, whoever makes it: of two with the same command one is told that it won', async () => {
    for (let round = 0; round < 20; round++) {
      const { id } = await enqueue({ pool: 'same-command', labels: { nobody: 'has' } });
      const known = await things().load(id, 'default');
      const claim = command('a');
      const outcomes = await Promise.all([1, 2].map(() => claimBy(things(), id, claim, known)));
      expect(outcomes.filter((outcome) => outcome !== null)).toHaveLength(1);
      expect(await claimsOf(id)).toHaveLength(1);
    }
  });
});
