import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { startSystem, type System } from './system.js';

/** Two steps side by side, one that needs both and an artifact: each long enough to be killed in the middle. */
const definition = `
name: killed
steps:
  - name: first
    type: step.shell_exec
    matrix: { n: [1, 2] }
    config:
      commands: ['sleep 2', 'echo "{{.Matrix.n}}" > out-{{.Matrix.n}}']
      artifacts_out: [{ key: 'out-{{.Matrix.n}}', path: 'out-{{.Matrix.n}}' }]
  - name: second
    type: step.shell_exec
    needs: [first]
    config:
      artifacts_in: [{ key: out-1, dest: in-1 }, { key: out-2, dest: in-2 }]
      commands: ['sleep 1', 'cat in-1 in-2']
`;

/** One lease, one sweep, and the run itself on a busy machine. */
const AFTER_A_LOST_AGENT_MS = 150_000;

/** Single replicas among others are killed in faults-queue-kills, NATS in faults-messaging. */
describe('a pipeline in whose middle something is killed with SIGKILL, of which there is no other', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem({ separate: true });
    await system.startAgent('agent-1');
    await system.admin('PUT /api/pipelines/killed', { json: { definition } });
  });
  afterAll(() => system?.stop());

  it.each<[what: string, kill: () => Promise<void>]>([
    [
      'both queues',
      async () =>
        void (await Promise.all(['queue-1', 'queue-2'].map((name) => system.part(name).killAndRestart()))),
    ],
    ['pipelines', () => system.part('pipelines').killAndRestart()],
    ['the gateway', () => system.part('gateway').killAndRestart()],
    [
      'the event store',
      async () => void (await system.platform.eventStore.kill(), await system.platform.eventStore.restart()),
    ],
    [
      'PostgreSQL',
      async () => void (await system.platform.postgres.kill(), await system.platform.postgres.restart()),
    ],
    ['the agent', () => system.part('agent-1').killAndRestart()],
  ])('%s: it ends well, with every result accepted once', async (_, kill) => {
    const id = await startedAndRunning();
    await kill();
    const run = await eventually(async () => {
      const { status, body } = await system.admin<RunView>(`GET /api/runs/${id}`);
      expect(status).toBe(200);
      expect(body.status).not.toBe('RUNNING');
      return body;
    }, AFTER_A_LOST_AGENT_MS);
    expect(run).toMatchObject({ status: 'SUCCEEDED', steps_succeeded: 3 });

    const ends = (await types(`run-${run.id}`)).filter(
      (type) => type === 'StepSucceeded' || type === 'RunSucceeded',
    );
    expect(ends).toEqual(['StepSucceeded', 'StepSucceeded', 'StepSucceeded', 'RunSucceeded']);
    for (const { job_id } of run.steps)
      expect((await types(`job-${job_id}`)).filter((type) => type === 'JobCompleted')).toHaveLength(1);
  });

  /** Whoever looks too late, when it is over, starts another one. */
  async function startedAndRunning(): Promise<string> {
    let id: string | undefined;
    return eventually(async () => {
      id ??= await start();
      const { status, body } = await system.admin<RunView>(`GET /api/runs/${id}`);
      const seen = { id, status, run: body.status, steps: body.steps?.map((step) => step.status) };
      if (body.status === 'SUCCEEDED') id = undefined;
      expect(seen.steps).toContain('RUNNING');
      return seen.id;
    });
  }

  async function start(): Promise<string> {
    const { status, body } = await system.admin<RunView>('POST /api/pipelines/killed/runs', {
      json: {},
      headers: { 'idempotency-key': randomUUID() },
    });
    expect(status).toBe(201);
    return body.id;
  }

  async function types(stream: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { event } of system.platform.connections.eventStore.readStream(stream))
      found.push(event!.type);
    return found;
  }
});
