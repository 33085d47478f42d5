import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AgentView, PipelineView, RunStatus, RunView, StepStatus } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startSystem, type System } from './system.js';

/** scenario.json: how the run of pipeline.yaml must end. */
interface Scenario {
  status: RunStatus;
  steps: Record<string, StepStatus>;
  exit_codes?: Record<string, number>;
  /** Part of the step's message. */
  messages?: Record<string, string>;
  /** Whole lines of the step's log. */
  log?: Record<string, string[]>;
  not_in_log?: Record<string, string[]>;
  /** Texts that must stand in no stream, no log and no process output. */
  nowhere?: string[];
  cancel_when_running?: string;
  agent_idle_within_seconds?: number;
}

const folder = join(import.meta.dirname, 'scenarios');
const SECRET = 'canary-5f3e9c1b7a2d4e68c';

describe('scenarios', () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem();
    await system.startAgent('agent-1', { env: { HYBRID_SECRET_API_KEY: SECRET } });
  });
  afterAll(() => system?.stop());

  it.each(readdirSync(folder).sort())('%s', async (name) => {
    const definition = await readFile(join(folder, name, 'pipeline.yaml'), 'utf8');
    const scenario = JSON.parse(await readFile(join(folder, name, 'scenario.json'), 'utf8')) as Scenario;
    const put = await system.admin<PipelineView>('POST /api/pipelines', { json: { definition } });
    expect(put).toMatchObject({ status: 201 });
    const { body: started } = await system.admin<RunView>(`POST /api/pipelines/${put.body.id}/runs`, {
      json: {},
    });
    const read = async () => (await system.admin<RunView>(`GET /api/runs/${started.id}`)).body;
    if (scenario.cancel_when_running) await cancel(started.id, scenario.cancel_when_running, read);
    const run = await eventually(async () => {
      const now = await read();
      expect(now.status).not.toBe('RUNNING');
      return now;
    }, 60_000);

    expect(run.status).toBe(scenario.status);
    expect(Object.fromEntries(run.steps.map(({ id, status }) => [id, status]))).toEqual(scenario.steps);
    const step = (id: string) => run.steps.find((one) => one.id === id)!;
    for (const [id, code] of Object.entries(scenario.exit_codes ?? {})) expect(step(id).exit_code).toBe(code);
    for (const [id, part] of Object.entries(scenario.messages ?? {}))
      expect(step(id).message).toContain(part);
    for (const [id, lines] of Object.entries(scenario.log ?? {}))
      expect(await logOf(step(id).job_id!)).toEqual(expect.arrayContaining(lines));
    for (const [id, lines] of Object.entries(scenario.not_in_log ?? {}))
      for (const line of lines) expect(await logOf(step(id).job_id!)).not.toContain(line);
    if (scenario.nowhere) await isNowhere(scenario.nowhere);
    if (scenario.agent_idle_within_seconds)
      await eventually(async () => {
        const { body } = await system.admin<{ agents: AgentView[] }>('GET /api/agents');
        expect(body.agents[0]?.jobs_running).toBe(0);
      }, scenario.agent_idle_within_seconds * 1000);
  });

  async function cancel(runId: string, stepId: string, read: () => Promise<RunView>): Promise<void> {
    await eventually(async () => {
      expect((await read()).steps.find(({ id }) => id === stepId)?.status).toBe('RUNNING');
      const { body } = await system.admin<{ agents: AgentView[] }>('GET /api/agents');
      expect(body.agents[0]?.jobs_running).toBe(1);
    });
    expect(await system.admin(`POST /api/runs/${runId}/cancel`)).toMatchObject({ status: 200 });
  }

  async function logOf(jobId: string): Promise<string[]> {
    const { body } = await system.admin<{ lines: { text: string }[] }>(`GET /api/queue/jobs/${jobId}/logs`);
    return body.lines.map(({ text }) => text);
  }

  /** Searches everything that the control plane keeps or says; a planted word proves that the search finds. */
  async function isNowhere(texts: string[]): Promise<void> {
    let kept = '';
    for await (const { event } of system.platform.connections.eventStore.readAll())
      kept += event?.isJson ? JSON.stringify([event.data, event.metadata]) : '';
    const { body } = await system.admin<{ jobs: { id: string }[] }>('GET /api/queue/jobs?limit=200');
    for (const { id } of body.jobs) kept += (await logOf(id)).join('\n');
    for (const part of system.processes.values()) kept += part.process.tail().join('\n');
    expect(kept).toContain('it is there');
    expect(kept).toContain('step.shell_exec');
    for (const text of texts) expect(kept.includes(text)).toBe(false);
  }
});
