/** One file, two ways to run it: `hybrid exec` and the control plane come to the same end. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { PipelineView, RunView } from '@hybrid/contracts';
import { bundleOf } from '@hybrid/servers';
import { eventually } from '@hybrid/testing';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { makeRepository } from './repository.js';
import { scenarios } from './scenario/scenario.js';
import { startSystem, type System } from './system.js';

const NAMES = ['10_matrix_include_exclude', '13_allow_failure', '23_outputs_and_templates'];

describe('hybrid exec and the control plane', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    await system.startAgent('agent-1', { capacity: 4 });
  });
  afterAll(() => system?.stop());

  it.each(NAMES)('%s', async (name) => {
    const { definition, scenario } = scenarios.find((one) => one.name === name)!;
    const { path, commit } = await makeRepository(join(system.platform.directory, name), {
      '.hybrid/pipeline.yaml': definition,
    });
    const put = await system.admin<PipelineView>('POST /api/pipelines', { json: { definition } });
    expect([put.status, put.body]).toEqual([201, expect.anything()]);
    const started = await system.admin<RunView>(`POST /api/pipelines/${put.body.id}/runs`, {
      json: { source: { repository: path, commit, ref: 'main' } },
    });
    const [there, here] = await Promise.all([ended(system, started.body.id), exec(system, path)]);
    expect(outcomes(here)).toEqual(outcomes(there));
    expect(here.status).toBe(scenario.status);
  });
});

function ended(system: System, id: string): Promise<RunView> {
  return eventually(async () => {
    const { body } = await system.admin<RunView>(`GET /api/runs/${id}`);
    expect(['SUCCEEDED', 'FAILED', 'CANCELLED']).toContain(body.status);
    return body;
  }, 120_000);
}

function exec(system: System, path: string): Promise<RunView> {
  const args = ['--output', 'json', 'exec', '--executor', 'process', '--allow-host', '--repo', path];
  const env = { PATH: process.env['PATH'], XDG_CACHE_HOME: join(system.platform.directory, 'cache') };
  return new Promise((done, failed) =>
    execFile(process.execPath, [bundleOf('cli'), ...args], { env }, (_, stdout, stderr) => {
      try {
        done(JSON.parse(stdout) as RunView);
      } catch {
        failed(new Error(`no run on stdout: ${stdout}${stderr}`));
      }
    }),
  );
}

function outcomes({ status, steps }: RunView): unknown {
  const step = ({ id, status, exit_code, outputs }: RunView['steps'][number]) => ({
    id,
    status,
    exit_code,
    outputs,
  });
  return { status, steps: steps.map(step) };
}
