import { EVENTS_STREAM, type ConsumerView, type RunView } from '@hybrid/contracts';
import type { Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { jetstreamManager } from '@nats-io/jetstream';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startSystem, type System } from './system.js';

const definition = `
name: busy
steps:
  - name: first
    type: step.shell_exec
    matrix: { n: [1, 2, 3] }
    config: { commands: ['sleep 0.5'] }
  - name: second
    type: step.shell_exec
    needs: [first]
    config: { commands: ['true'] }
`;
const JOBS_OF_A_RUN = 4;
const RUNS = 4;

async function typesOf(platform: Platform, stream: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { event } of platform.connections.eventStore.readStream(stream)) found.push(event!.type);
  return found;
}

describe('runs whose messages are lost', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem({ separate: true });
    await system.startAgent('agent-1', { capacity: 4 });
    await system.admin('PUT /api/pipelines/busy', { json: { definition } });
  });
  afterAll(() => system?.stop());

  const startRun = async () => {
    const { status, body } = await system.admin<RunView>('POST /api/pipelines/busy/runs', {
      json: {},
      headers: { 'idempotency-key': randomUUID() },
    });
    expect(status).toBe(201);
    return body.id;
  };
  const viewOf = async (id: string) => {
    const { status, body } = await system.admin<RunView>(`GET /api/runs/${id}`);
    expect(status).toBe(200);
    return body;
  };

  it.each([
    ['NATS is killed and starts again', false],
    ['NATS is killed and starts again with an empty store', true],
  ])('%s under load: every job runs, and takes effect once', async (_, wipe) => {
    const { platform } = system;
    const startRuns = () => Promise.all(Array.from({ length: RUNS }, startRun));
    const runs = await startRuns();
    await eventually(async () => {
      const views = await Promise.all(runs.map(viewOf));
      const steps = views.flatMap(({ steps }) => steps.map(({ status }) => status));
      // Whoever looks too late, when all is done, starts more.
      if (views.every(({ status }) => status === 'SUCCEEDED')) runs.push(...(await startRuns()));
      expect(steps.filter((status) => status === 'SUCCEEDED').length).toBeGreaterThan(1);
      expect(steps).toContain('RUNNING');
    });
    await platform.nats.kill();
    if (wipe) await rm(join(platform.directory, 'nats', 'jetstream'), { recursive: true });
    await platform.nats.restart();

    const ended = await eventually(async () => {
      const views = await Promise.all(runs.map(viewOf));
      expect(views.map(({ status }) => status)).not.toContain('RUNNING');
      return views;
    }, 150_000);
    for (const run of ended) {
      expect(run).toMatchObject({ status: 'SUCCEEDED', steps_succeeded: JOBS_OF_A_RUN });
      const events = await typesOf(platform, `run-${run.id}`);
      expect(events.filter((type) => type === 'StepQueued')).toHaveLength(JOBS_OF_A_RUN);
      expect(events.filter((type) => type === 'StepSucceeded')).toHaveLength(JOBS_OF_A_RUN);
      expect(events.filter((type) => type === 'RunSucceeded')).toHaveLength(1);
      for (const { job_id } of run.steps) {
        const fate = await typesOf(platform, `job-${job_id}`);
        expect(fate.filter((type) => type === 'JobEnqueued')).toHaveLength(1);
        expect(fate.filter((type) => type === 'JobCompleted')).toHaveLength(1);
      }
    }
    // Everything that there is to tell is in EVENTS again, or still.
    const { streams } = await jetstreamManager(platform.connections.nats);
    const { state } = await streams.info(EVENTS_STREAM, {
      subjects_filter: 'evt.*.pipelines.run.run-succeeded.>',
    });
    for (const run of runs)
      expect(Object.keys(state.subjects ?? {})).toContain(`evt.default.pipelines.run.run-succeeded.${run}`);
  });

  it('an event that nobody can read is parked and shown; runs go on; a replay tries it again', async () => {
    const { streams } = await jetstreamManager(system.platform.connections.nats);
    await streams.info(EVENTS_STREAM);
    const poison = 'evt.default.queue.job.completed.poison';
    system.platform.connections.nats.publish(poison, 'not JSON');
    const parked = async () => {
      const { status, body } = await system.admin<{ consumers: ConsumerView[] }>(
        'GET /api/operations/consumers',
      );
      expect(status).toBe(200);
      return body.consumers.find(({ durable }) => durable === 'pipelines-jobs')?.parked;
    };
    await eventually(async () => expect(await parked()).toBe(1));

    const run = await startRun();
    await eventually(async () => expect((await viewOf(run)).status).toBe('SUCCEEDED'));

    const replay = await system.admin('POST /api/operations/consumers/pipelines-jobs/replay', { json: {} });
    expect(replay).toMatchObject({
      status: 200,
      body: { durable: 'pipelines-jobs', replayed: 0, parked: 1, failed: [{ reason: expect.any(String) }] },
    });
    expect(
      await system.admin('POST /api/operations/consumers/nobody-jobs/replay', { json: {} }),
    ).toMatchObject({
      status: 404,
      body: { code: 'consumer_not_found' },
    });
  });
});
