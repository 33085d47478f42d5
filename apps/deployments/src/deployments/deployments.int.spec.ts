import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  deploymentsRequests,
  queueRequests,
  type ClaimedJob,
  type DeploymentDetail,
  type EnqueueJobCommand,
  type Request,
} from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { bundleOf, startProcess, type RunningProcess } from '@hybrid/servers';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { DeploymentsModule } from '../app.module.js';
import { deploymentDecider } from './deployment.decider.js';

/** With the real queue, as a process of its own; the spec is the agent. */
describe('deployments, over NATS', () => {
  let platform: Platform;
  let queue: RunningProcess;
  const call = callBy('user', 'ada');
  const agent_id = 'agent-1';
  beforeAll(async () => {
    platform = await startPlatform();
    await platform.serve(DeploymentsModule);
    queue = await startProcess({
      name: 'queue',
      command: process.execPath,
      args: [bundleOf('queue')],
      env: { PATH: process.env['PATH'], ...platform.settings },
    });
    await queue.ready;
  });
  afterAll(async () => {
    await queue?.stop();
    await platform?.stop();
  });

  const send = <I, O>(request: Request<I, O>, input: I) =>
    platform.connections.requests.send(request, input, call);
  const pool = `pool-${randomUUID()}`;

  const jobOf = (environment: string, service: string | undefined, image = 'web:1'): EnqueueJobCommand => ({
    job_id: randomUUID(),
    run_id: randomUUID(),
    pipeline_id: 'the-pipeline',
    pool,
    max_attempts: 2,
    backoff_seconds: 0,
    on_exhausted: 'fail',
    spec: {
      step: {
        id: 'production',
        name: 'production',
        type: 'step.deploy',
        config: { environment, ...(service && { service }), image, strategy: 'recreate', provider: 'docker' },
      },
    },
  });
  const deploy = async (environment: string, service?: string, image?: string): Promise<string> => {
    const job = jobOf(environment, service, image);
    await send(deploymentsRequests.start, { job, requested_by: 'ada' });
    return job.job_id;
  };
  const claim = async (): Promise<ClaimedJob | undefined> =>
    (await send(queueRequests.claim, { agent_id, pool, wait_seconds: 0, count: 1 }))[0];
  const claimed = async (): Promise<ClaimedJob> => {
    const job = await eventually(async () => {
      const found = await claim();
      expect(found).toBeDefined();
      return found;
    });
    const { id: job_id, attempt, lease_token } = job!;
    await send(queueRequests.start, { job_id, attempt, lease_token, agent_id });
    return job!;
  };
  const end = (job: ClaimedJob, exit_code: number, outputs: Record<string, string>, error_message?: string) =>
    send(queueRequests.complete, {
      job_id: job.id,
      agent_id,
      attempt: job.attempt,
      lease_token: job.lease_token,
      exit_code,
      outputs,
      ...(error_message && { error_message }),
    });
  const becomes = (deployment_id: string, status: string): Promise<DeploymentDetail> =>
    eventually(async () => {
      const found = await send(deploymentsRequests.get, { deployment_id });
      expect(found.status).toBe(status);
      return found;
    });

  it('records one, enqueues its job, and follows that to its end', async () => {
    const job = jobOf('production', undefined);
    const first = await send(deploymentsRequests.start, { job, requested_by: 'ada' });
    expect(first).toMatchObject({ id: job.job_id, status: 'QUEUED' });
    expect(first.concurrency).toEqual({ group: 'deploy/production/the-pipeline', limit: 1 });
    expect(await send(deploymentsRequests.start, { job, requested_by: 'ada' })).toMatchObject({
      id: job.job_id,
    });
    const claimedJob = await claimed();
    expect(claimedJob.spec.step.config['service']).toBe('the-pipeline');
    await becomes(job.job_id, 'RUNNING');
    const { id: job_id, attempt, lease_token } = claimedJob;
    await send(queueRequests.progress, { job_id, attempt, lease_token, agent_id, message: 'healthy' });
    await becomes(job_id, 'HEALTHY');
    await end(claimedJob, 0, { deployment_state: 'succeeded', previous_image: 'web:0' });
    expect(await becomes(job_id, 'SUCCEEDED')).toMatchObject({
      deployment_id: job_id,
      environment: 'production',
      service: 'the-pipeline',
      image: 'web:1',
      run_id: job.run_id,
      pipeline_id: 'the-pipeline',
      requested_by: 'ada',
      agent_id,
      previous_image: 'web:0',
      previous_deployment_id: null,
    });
    const things = new Things(platform.connections.eventStore, 'deployment', deploymentDecider);
    expect((await things.history(job_id)).map(({ event }) => event.type)).toEqual([
      'DeploymentRequested',
      'DeploymentStarted',
      'DeploymentBecameHealthy',
      'DeploymentSucceeded',
    ]);
  });

  it('lets one of a service in an environment run at a time, and tells which was before', async () => {
    const first = await deploy('staging', 'web', 'web:1');
    const job = await claimed();
    expect(job.id).toBe(first);
    const second = await deploy('staging', 'web', 'web:2');
    const elsewhere = await deploy('staging', 'api', 'api:1');
    const other = await claimed();
    expect(other.id).toBe(elsewhere);
    expect(await claim()).toBeUndefined();
    await end(other, 0, {});
    await end(job, 0, {});
    await becomes(first, 'SUCCEEDED');
    const next = await claimed();
    expect(next.id).toBe(second);
    await end(
      next,
      1,
      { deployment_state: 'rolled_back', previous_image: 'web:1' },
      'web:2 did not become healthy',
    );
    // The pipeline allows two attempts.
    const again = await claimed();
    expect([again.id, again.attempt]).toEqual([second, 2]);
    await end(
      again,
      1,
      { deployment_state: 'rolled_back', previous_image: 'web:1' },
      'web:2 did not become healthy',
    );
    const ended = await becomes(second, 'ROLLED_BACK');
    expect(ended).toMatchObject({ message: 'web:2 did not become healthy', previous_image: 'web:1' });
    expect(ended.timeline.map(({ status }) => status)).toEqual([
      'REQUESTED',
      'RUNNING',
      null,
      'RUNNING',
      'ROLLED_BACK',
    ]);
    const third = await deploy('staging', 'web', 'web:3');
    await eventually(async () =>
      expect(await send(deploymentsRequests.get, { deployment_id: third })).toMatchObject({
        previous_deployment_id: first,
      }),
    );
    await send(queueRequests.cancel, { job_id: third, reason: 'the run was cancelled' });
    expect(await becomes(third, 'CANCELLED')).toMatchObject({ message: 'the run was cancelled' });
  });

  it('lists them, the services with what runs where, and figures; none of another organisation', async () => {
    await eventually(async () => {
      const { items, total } = await send(deploymentsRequests.list, {
        environment: 'staging',
        service: 'web',
      });
      expect(items.map(({ image, status }) => [image, status])).toEqual([
        ['web:3', 'CANCELLED'],
        ['web:2', 'ROLLED_BACK'],
        ['web:1', 'SUCCEEDED'],
      ]);
      expect(total).toBe(3);
    });
    expect((await send(deploymentsRequests.list, { status: 'SUCCEEDED' })).total).toBe(3);
    const page = await send(deploymentsRequests.services, { limit: 2 });
    expect(page).toMatchObject({ total: 3, items: [{ service: 'api' }, { service: 'the-pipeline' }] });
    const rest = await send(deploymentsRequests.services, { cursor: page.next_cursor! });
    expect(rest).toMatchObject({
      next_cursor: null,
      items: [
        {
          service: 'web',
          environments: [
            { environment: 'staging', image: 'web:1', latest: { image: 'web:3', status: 'CANCELLED' } },
          ],
        },
      ],
    });
    expect(await send(deploymentsRequests.figures, {})).toEqual({
      total: 5,
      active: 0,
      staging: 4,
      failed: 1,
    });

    const { requests } = platform.connections;
    const stranger = callBy('user', 'eve', 'other');
    const one = page.items[0]!.environments[0]!.deployment_id!;
    await expect(
      requests.send(deploymentsRequests.get, { deployment_id: one }, stranger),
    ).rejects.toMatchObject({
      problem: { code: 'deployment_not_found' },
    });
    expect(await requests.send(deploymentsRequests.list, {}, stranger)).toMatchObject({
      total: 0,
      items: [],
    });
    expect(await requests.send(deploymentsRequests.services, {}, stranger)).toMatchObject({
      total: 0,
      items: [],
    });
    expect(await requests.send(deploymentsRequests.figures, {}, stranger)).toMatchObject({ total: 0 });
  });

  it('takes no notice of jobs that are none', async () => {
    const job = { ...jobOf('production', 'none'), job_id: randomUUID() };
    await send(queueRequests.enqueue, job);
    const other = await claimed();
    await end(other, 0, {});
    const deployment = await deploy('production', 'after');
    await send(queueRequests.cancel, { job_id: deployment, reason: 'enough' });
    await becomes(deployment, 'CANCELLED');
    await expect(send(deploymentsRequests.get, { deployment_id: job.job_id })).rejects.toMatchObject({
      problem: { code: 'deployment_not_found' },
    });
  });
});
