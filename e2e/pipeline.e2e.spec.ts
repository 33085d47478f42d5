import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PipelineView, RunView } from '@hybrid/contracts';
import { engineForTests, eventually, importBusybox } from '@hybrid/testing';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { makeRepository } from './repository.js';
import { startSystem, type System } from './system.js';

const definition = `
name: demo
steps:
  - name: test
    type: step.shell_exec
    matrix: { suite: [unit, api] }
    config:
      commands: ['echo "suite {{.Matrix.suite}}"', 'test -f hello.txt']
  - name: build
    type: step.shell_exec
    needs: [test]
    config:
      commands:
        - mkdir dist && cp hello.txt dist/
        - echo "version=1.2.3" >> "$HYBRID_OUTPUT"
      artifacts_out: [{ key: dist, path: dist }]
  - name: quality
    type: step.gate
    needs: [build]
    config: { type: automatic, conditions: ['steps.build.outputs.version == "1.2.3"'] }
  - name: use
    type: step.shell_exec
    needs: [quality]
    config:
      artifacts_in: [{ key: dist, dest: got }]
      commands: ['grep hello got/hello.txt', 'echo "{{.Steps.build.outputs.version}}"']
`;

const docker = await engineForTests();
if ('reason' in docker) console.log(`the pipeline in containers is skipped: ${docker.reason}`);

interface Variant {
  name: string;
  separate: boolean;
  inContainers?: boolean;
}
const variants: Variant[] = [
  { name: 'standalone', separate: false },
  { name: 'every service its own process, two of queue', separate: true },
];

describe.each(
  'reason' in docker
    ? variants
    : [...variants, { name: 'its steps in containers', separate: false, inContainers: true }],
)('a pipeline, $name', ({ separate, inContainers }) => {
  let system: System;
  let source: { repository: string; commit: string };
  let image: string | undefined;

  beforeAll(async () => {
    system = await startSystem({ separate });
    const { path, commit } = await makeRepository(join(system.platform.directory, 'repo'), {
      'hello.txt': 'hello\n',
    });
    source = { repository: path, commit };
    if (inContainers && 'engine' in docker) image = await importBusybox(docker.engine);
    await system.startAgent(
      'agent-1',
      image ? { args: ['--executor', 'docker', '--default-image', image] } : {},
    );
  });
  afterAll(async () => {
    await system?.stop();
    if (image && 'engine' in docker) await docker.engine.getImage(image).remove({ force: true });
  });

  it('runs to success through control plane and agent', async () => {
    const put = await system.admin<PipelineView>('PUT /api/pipelines/demo', { json: { definition } });
    expect(put).toMatchObject({ status: 200, body: { id: 'demo', version: 1 } });
    const started = await system.admin<RunView>('POST /api/pipelines/demo/runs', {
      json: { source },
      headers: { 'idempotency-key': randomUUID() },
    });
    expect(started).toMatchObject({ status: 201, body: { status: 'RUNNING', steps_total: 5 } });
    const run = await eventually(async () => {
      const { body } = await system.admin<RunView>(`GET /api/runs/${started.body.id}`);
      expect(body).not.toMatchObject({ status: 'RUNNING' });
      return body;
    }, 120_000);
    expect(run.steps.map(({ id, status, message }) => ({ id, status, message }))).toEqual(
      ['test[suite=unit]', 'test[suite=api]', 'build', 'quality', 'use'].map((id) => ({
        id,
        status: 'SUCCEEDED',
        message: null,
      })),
    );
    expect(run.status).toBe('SUCCEEDED');
    const build = run.steps.find(({ id }) => id === 'build')!;
    expect(build).toMatchObject({ outputs: { version: '1.2.3' }, artifacts: [{ key: 'dist' }] });
    const use = run.steps.find(({ id }) => id === 'use')!;
    const logs = await system.admin<{ lines: { text: string }[] }>(`GET /api/queue/jobs/${use.job_id}/logs`);
    const lines = logs.body.lines.map(({ text }) => text);
    expect(lines).toContain('1.2.3');
    const onTheHost = 'running on the host, without a sandbox (process executor)';
    expect(lines.includes(onTheHost)).toBe(!inContainers);
    await eventually(async () => {
      const { body } = await system.admin('GET /api/runs');
      expect(body).toMatchObject({
        total: 1,
        runs: [{ id: run.id, status: 'SUCCEEDED', steps_succeeded: 5 }],
      });
    });
  });
});
