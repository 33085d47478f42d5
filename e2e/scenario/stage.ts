/** Plays a scenario on a running system and checks how it ends. */
import { expect } from '@jest/globals';
import type { AgentView, PipelineView, RunView, Source, StepView, TestView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parse } from 'yaml';
import { makeRepository } from '../repository.js';
import type { System } from '../system.js';
import type { Action, Ending, Next, ScenarioFiles } from './scenario.js';

/** Seconds that a run may take on a machine that is busy with others. */
const PATIENCE_MS = 240_000;
const OVER = ['SUCCEEDED', 'FAILED', 'CANCELLED'];

export interface Stage {
  system: System;
  /** Starts runs; the administrator, who decides at gates, is somebody else. */
  developerToken: string;
  /** Inputs that the machine gives to pipelines that declare them: images, ports. */
  given: Record<string, unknown>;
}

export async function play(stage: Stage, files: ScenarioFiles): Promise<void> {
  const { system } = stage;
  const { name, definition, scenario, repository } = files;
  const used = (scenario.files ?? []).map((path) => [`./${path}`, repository[path]!] as const);
  const put = await system.admin<PipelineView>('POST /api/pipelines', {
    json: { definition, ...(used.length > 0 && { files: Object.fromEntries(used) }) },
  });
  expect(put).toMatchObject({ status: 201 });
  const directory = join(system.platform.directory, 'scenarios', name);
  const marker = `${directory}.marker`;
  await mkdir(dirname(marker), { recursive: true });
  const declared = inputsOf(definition);
  const given = Object.entries({ ...stage.given, marker }).filter(([input]) => declared.includes(input));
  const inputs = { ...Object.fromEntries(given), ...scenario.inputs };
  const made = scenario.repository ? await makeRepository(directory, repository) : null;
  const source: Source | undefined = made
    ? { repository: made.path, commit: made.commit, ref: 'main' }
    : undefined;
  const start = (more: Record<string, unknown> = {}) =>
    runOf(stage, `POST /api/pipelines/${put.body.id}/runs`, { source, inputs: { ...inputs, ...more } });

  const first = await start();
  const others: string[] = [];
  for (const action of scenario.actions ?? []) {
    const started = await act(stage, first.id, action, start);
    if (started) others.push(started.id);
  }
  let run = await check(stage, first.id, scenario, files);
  for (const [index, ending] of (scenario.others ?? []).entries())
    await check(stage, others[index]!, ending, files, run);
  for (let next: Next | undefined = scenario.then; next; next = next.then) {
    if (next.touch_marker) await writeFile(marker, '');
    const again = next.again === true ? {} : next.again;
    const { id } = next.retry
      ? await runOf(stage, `POST /api/runs/${run.id}/retry`, next.retry)
      : await start(again);
    run = await check(stage, id, next, files, run);
  }
  if (scenario.agent_idle_within_seconds)
    await eventually(async () => {
      const { body } = await system.admin<{ agents: AgentView[] }>('GET /api/agents');
      expect(body.agents.map(({ jobs_running }) => jobs_running)).toEqual(body.agents.map(() => 0));
    }, scenario.agent_idle_within_seconds * 1000);
}

function inputsOf(definition: string): string[] {
  const { on } = parse(definition, { merge: true }) as { on?: { manual?: { inputs?: object } } };
  return Object.keys(on?.manual?.inputs ?? {});
}

async function runOf({ system, developerToken }: Stage, request: string, json: object): Promise<RunView> {
  const { status, body } = await system.admin<RunView>(request, { json, token: developerToken });
  expect([status, body]).toEqual([201, expect.anything()]);
  return body;
}

async function act(
  stage: Stage,
  runId: string,
  { when, do: what, gate, reason, inputs }: Action,
  start: (inputs?: Record<string, unknown>) => Promise<RunView>,
): Promise<RunView | undefined> {
  const { system } = stage;
  await eventually(async () => {
    const { body } = await system.admin<RunView>(`GET /api/runs/${runId}`);
    const now = Object.fromEntries(body.steps.map(({ id, status }) => [id, status]));
    expect(now).toMatchObject(when);
  });
  if (what === 'start') return start(inputs);
  const answer =
    what === 'cancel'
      ? await system.admin(`POST /api/runs/${runId}/cancel`)
      : await system.admin(`POST /api/runs/${runId}/gates/${gate}/${what}`, { json: { reason } });
  expect([answer.status, answer.body]).toEqual([200, expect.anything()]);
  return undefined;
}

async function check(
  stage: Stage,
  runId: string,
  ending: Ending,
  { scenario }: ScenarioFiles,
  before?: RunView,
): Promise<RunView> {
  const { system } = stage;
  const run = await eventually(async () => {
    const { body } = await system.admin<RunView>(`GET /api/runs/${runId}`);
    expect(OVER).toContain(body.status);
    return body;
  }, PATIENCE_MS);
  if (run.status !== ending.status)
    throw new Error(`the run ended ${run.status}, not ${ending.status}:\n${outcomesOf(run)}`);
  if (ending.steps)
    expect(Object.fromEntries(run.steps.map(({ id, status }) => [id, status]))).toEqual(ending.steps);
  if (ending.step_count) expect(run.steps).toHaveLength(ending.step_count);
  const step = (id: string): StepView => {
    const found = run.steps.find((one) => one.id === id);
    if (!found)
      throw new Error(`the run has no step ${id}; it has ${run.steps.map((one) => one.id).join(', ')}`);
    return found;
  };
  const logOf = async (id: string) => {
    const path = `/api/queue/jobs/${step(id).job_id}/logs`;
    const { body } = await system.admin<{ lines: { text: string }[] }>(`GET ${path}`);
    return body.lines.map(({ text }) => text);
  };
  for (const [id, code] of Object.entries(ending.exit_codes ?? {})) expect(step(id).exit_code).toBe(code);
  for (const [id, part] of Object.entries(ending.messages ?? {})) expect(step(id).message).toContain(part);
  for (const [id, lines] of Object.entries(ending.log ?? {}))
    expect(await logOf(id)).toEqual(expect.arrayContaining(lines));
  for (const [name, lines] of Object.entries(ending.log_of_name ?? {})) {
    const ids = run.steps.filter((one) => one.name === name).map(({ id }) => id);
    expect((await Promise.all(ids.map(logOf))).flat()).toEqual(expect.arrayContaining(lines));
  }
  for (const [id, lines] of Object.entries(ending.not_in_log ?? {}))
    for (const line of lines) expect(await logOf(id)).not.toContain(line);
  for (const [id, outputs] of Object.entries(ending.outputs ?? {})) expect(step(id).outputs).toEqual(outputs);
  for (const [id, report] of Object.entries(ending.reports ?? {}))
    expect(await wholeStep(system, runId, id)).toMatchObject({ report });
  for (const [id, count] of Object.entries(ending.failed_attempts ?? {}))
    expect(step(id).failed_attempts).toHaveLength(count);
  for (const [id, decisions] of Object.entries(ending.gate ?? {}))
    expect(step(id).gate).toMatchObject({ decisions });
  if (ending.reused)
    expect(run.steps.filter(({ reused_from }) => reused_from !== null).map(({ id }) => id)).toEqual(
      ending.reused,
    );
  if (ending.one_at_a_time) expectOneAtATime(ending.one_at_a_time.map(step));
  if (ending.started_after_this)
    expect(Date.parse(run.steps[0]!.started_at!)).toBeGreaterThanOrEqual(Date.parse(before!.completed_at!));
  if (ending.flaky_tests) await expectFlaky(system, run.pipeline, ending.flaky_tests);
  if (ending.serves) {
    const page = await fetch(`http://127.0.0.1:${String(stage.given['port'])}/`);
    expect((await page.text()).trim()).toBe(ending.serves);
  }
  if (scenario.nowhere)
    await expectNowhere(system, scenario.nowhere, Object.values(ending.log ?? {}).flat(), logOf, run);
  return run;
}

function outcomesOf({ steps }: RunView): string {
  return steps.map(({ id, status, message }) => `${id} ${status}${message ? `: ${message}` : ''}`).join('\n');
}

async function wholeStep(system: System, runId: string, id: string): Promise<StepView> {
  const { body } = await system.admin<StepView>(`GET /api/runs/${runId}/steps/${encodeURIComponent(id)}`);
  return body;
}

function expectOneAtATime(steps: StepView[]): void {
  const [one, ...rest] = steps.toSorted((a, b) => a.started_at!.localeCompare(b.started_at!));
  for (let before = one!; rest.length > 0;) {
    const next = rest.shift()!;
    expect(Date.parse(next.started_at!)).toBeGreaterThanOrEqual(Date.parse(before.completed_at!));
    before = next;
  }
}

async function expectFlaky(system: System, pipeline: string, names: string[]): Promise<void> {
  await eventually(async () => {
    const { body } = await system.admin<{ tests: TestView[] }>(`GET /api/pipelines/${pipeline}/tests`);
    const flaky = body.tests.filter((test) => test.flaky).map(({ name }) => name);
    expect(flaky).toEqual(names.map((name) => expect.stringContaining(name)));
  });
}

/** Searches everything that the control plane keeps or says; lines that are there prove that the search finds. */
async function expectNowhere(
  system: System,
  texts: string[],
  there: string[],
  logOf: (id: string) => Promise<string[]>,
  run: RunView,
): Promise<void> {
  let kept = '';
  for await (const { event } of system.platform.connections.eventStore.readAll())
    kept += event?.isJson ? JSON.stringify([event.data, event.metadata]) : '';
  for (const { id, job_id } of run.steps) if (job_id) kept += (await logOf(id)).join('\n');
  for (const part of system.processes.values()) kept += part.process.tail().join('\n');
  expect(kept).toContain(run.id);
  expect(there).not.toEqual([]);
  for (const line of there) expect(kept).toContain(line);
  for (const text of texts) expect([text, kept.includes(text)]).toEqual([text, false]);
}
