import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  claimPartition,
  partitionClaim,
  queueRequests,
  type ClaimedJob,
  type Request,
} from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { START } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';
import { jobGroupDecider } from '../groups/job-group.decider.js';
import { startReplica, type Replica } from '../replicas/replica.fixtures.js';
import { jobGroupId } from './group-places.js';

const spec = { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } };

describe('a concurrency group', () => {
  let platform: Platform;
  const running: Replica[] = [];
  const user = callBy('user', 'someone');

  beforeAll(async () => {
    platform = await startPlatform();
    for (let count = 0; count < 3; count++) running.push(await startReplica(platform.settings));
  });
  afterAll(async () => {
    for (const replica of running) await replica.stop();
    await platform.stop();
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const enqueue = (pool: string, group: string, limit: number) =>
    send(queueRequests.enqueue, {
      job_id: randomUUID(),
      pool,
      backoff_seconds: 0,
      concurrency: { group, limit },
      spec,
    });
  const claim = async (pool: string, agent_id: string, wait_seconds = 5): Promise<ClaimedJob | undefined> =>
    (await send(queueRequests.claim, { agent_id, pool, wait_seconds }, callBy('agent', agent_id)))[0];
  /** One that must be there comes, however slow the machine is. */
  const claimed = (pool: string, agent_id: string): Promise<ClaimedJob> =>
    eventually(async () => {
      const job = await claim(pool, agent_id);
      expect(job).toBeDefined();
      return job!;
    });
  const complete = ({ id, attempt, lease_token }: ClaimedJob, agent_id: string, exit_code = 0) =>
    send(queueRequests.complete, { job_id: id, agent_id, attempt, lease_token, exit_code });
  /** The most jobs that were claimed at the same time, as the log has it. */
  const mostAtOnce = async (ids: string[]) => {
    const live = new Set<string>();
    let most = 0;
    for await (const { event } of platform.connections.eventStore.readAll({ fromPosition: START })) {
      const id = event?.streamId.slice('job-'.length) ?? '';
      if (!ids.includes(id)) continue;
      if (event?.type === 'JobClaimed') live.add(id);
      else if (event?.type !== 'JobStarted') live.delete(id);
      most = Math.max(most, live.size);
    }
    return most;
  };

  it('never has more jobs claimed than its limit, from three pools that three replicas serve', async () => {
    const LIMIT = 3;
    const JOBS = 45;
    // Each replica gives out jobs of its own, so that only the group itself can hold them back.
    const pools = await eventually(() =>
      running.map(({ replicas }) => {
        const names = Array.from({ length: 1_000 }, (_, index) => `pool-${index}`);
        const own = names.find((name) => replicas.partitions.includes(claimPartition('default', name)));
        expect(own).toBeDefined();
        return own!;
      }),
    );
    expect(new Set(pools).size).toBe(3);
    const ids: string[] = [];
    for (let job = 0; job < JOBS; job++) ids.push((await enqueue(pools[job % 3]!, 'deploy', LIMIT)).id);
    for (const { index } of running)
      await eventually(() => expect(ids.filter((id) => !index.get(id))).toEqual([]));
    const done: string[] = [];
    const agent = async (name: string, pool: string) => {
      while (done.length < JOBS) {
        const request = { agent_id: name, pool, wait_seconds: 0.2 };
        const [job] = await send(partitionClaim('default', pool), request, callBy('agent', name));
        if (!job) continue;
        // Held for a while, so that the others find the group full.
        expect(await claim('nothing', name, 0.1)).toBeUndefined();
        await complete(job, name);
        done.push(job.id);
      }
    };
    await Promise.all(Array.from({ length: 12 }, (_, index) => agent(`agent-${index}`, pools[index % 3]!)));
    expect(done.sort()).toEqual(ids.sort());
    expect(await mostAtOnce(ids)).toBe(LIMIT);
  });

  it('has room again as soon as a job of it ends, for an agent of another pool that waits', async () => {
    await enqueue('here', 'one', 1);
    const first = await claimed('here', 'a');
    const { id } = await enqueue('there', 'one', 1);
    const waiting = claimed('there', 'b');
    expect(await claim('there', 'c', 0)).toBeUndefined();
    await complete(first, 'a');
    expect((await waiting).id).toBe(id);
  });

  it('gets back the place of a claim that was broken off between its two appends', async () => {
    // Its claimant took the place and died; nobody else will claim the job, as nobody has the label.
    const job_id = randomUUID();
    const concurrency = { group: 'broken', limit: 1 };
    await send(queueRequests.enqueue, { job_id, pool: 'broken', labels: { rare: 'yes' }, concurrency, spec });
    const groups = new Things(platform.connections.eventStore, 'jobGroup', jobGroupDecider);
    await groups.handle(
      jobGroupId('default', 'broken'),
      {
        type: 'TakeSlot',
        group: 'broken',
        slot: { job_id, attempt: 1, revoked: 0 },
        limit: 1,
        released: [],
        now: new Date().toISOString(),
      },
      user,
    );
    const { id } = await enqueue('broken', 'broken', 1);
    const begun = performance.now();
    const got = await eventually(async () => {
      const job = await claim('broken', 'a');
      expect(job?.id).toBe(id);
      return job!;
    });
    // Not before it was sure that the claimant is not just slow.
    expect(performance.now() - begun).toBeGreaterThan(4_000);
    const types: string[] = [];
    for await (const { event } of platform.connections.eventStore.readStream(`job-${job_id}`))
      types.push(event!.type);
    expect(types).toEqual(['JobEnqueued', 'JobSlotRevoked']);
    await complete(got, 'a');
    // And the job that was fenced has its turn.
    const rare = { agent_id: 'r', pool: 'broken', labels: { rare: 'yes' }, wait_seconds: 5 };
    await eventually(async () =>
      expect((await send(queueRequests.claim, rare, callBy('agent', 'r')))[0]?.id).toBe(job_id),
    );
  });
});
