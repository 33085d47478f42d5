/** Runs for specs: pipelines as text, commands with the boring fields filled in. */
import type { Definition } from '../language/definition.js';
import { readPipeline } from '../language/read-pipeline.js';
import { fold, isRejection } from '@hybrid/decider';
import {
  runDecider,
  type CancelRun,
  type RecordJobFinished,
  type RecordJobStarted,
  type RunCommand,
  type StartRun,
} from './run.decider.js';
import type { RunEvent } from './run.events.js';
import { jobIdOf } from './run.job.js';
import type { Run, RunState, StepState } from './run.state.js';

export const NOW = '2030-01-02T03:04:05.000Z';
export const RUN_ID = '0190a8c0-0000-7000-8000-000000000001';

/** The definition of steps, each written as the inside of a YAML map. Throws with all errors. */
export function definitionOf(...steps: string[]): Definition {
  const text =
    steps.length === 1 && steps[0]!.includes('\n')
      ? steps[0]!
      : ['name: p', 'steps:', ...steps.map((step) => `  - {${step}}`)].join('\n');
  const result = readPipeline(text);
  if ('errors' in result)
    throw new Error(result.errors.map(({ line, message }) => `${line}: ${message}`).join('\n'));
  return result.definition;
}

export function shell(name: string, needs: string[] = [], more = ''): string {
  return `name: ${name}, needs: [${needs.join(', ')}], ${more} type: step.shell_exec, config: {commands: [make]}`;
}

export function start(definition: Definition, more: Partial<StartRun> = {}): StartRun {
  return {
    type: 'StartRun',
    run_id: RUN_ID,
    pipeline: definition.name,
    pipeline_version: 1,
    definition,
    source: { repository: 'https://git.example/repo.git', commit: '0123456789abcdef', ref: 'main' },
    inputs: {},
    previous_execution_id: null,
    started_by: 'user:ada',
    now: NOW,
    ...more,
  };
}

export function began(step: string, attempt = 1): RecordJobStarted {
  return {
    type: 'RecordJobStarted',
    job_id: jobIdOf(RUN_ID, step),
    agent_id: `agent-${attempt}`,
    attempt,
    now: NOW,
  };
}

export function ended(
  step: string,
  outcome: RecordJobFinished['outcome'],
  more: Partial<RecordJobFinished> = {},
): RecordJobFinished {
  const exit_code = outcome === 'succeeded' ? 0 : 1;
  return {
    type: 'RecordJobFinished',
    job_id: jobIdOf(RUN_ID, step),
    outcome,
    exit_code,
    message: null,
    outputs: {},
    artifacts: [],
    now: NOW,
    ...more,
  };
}

export const cancel: CancelRun = { type: 'CancelRun', reason: 'wrong branch', actor: 'user:ada', now: NOW };

/** All events that the commands lead to, one after the other. Throws on a refusal. */
export function play(...commands: RunCommand[]): RunEvent[] {
  const events: RunEvent[] = [];
  let state: RunState = runDecider.initial;
  for (const command of commands) {
    const decided = runDecider.decide(command, state);
    if (isRejection(decided)) throw new Error(`${decided.rejected}: ${decided.detail}`);
    events.push(...decided);
    state = decided.reduce((before, event) => runDecider.evolve(before, event), state);
  }
  return events;
}

export function runAfter(...events: RunEvent[]): Run {
  return fold(runDecider, events) as Run;
}

/** Statuses by step. */
export function statuses(...commands: RunCommand[]): Record<string, string> {
  const run = runAfter(...play(...commands));
  const steps = run.plan.instances.map(({ id }, index) => [id, run.steps[index]!.status] as const);
  return Object.fromEntries<string>([...steps, ['run', run.status]]);
}

export function stepOf(run: Run, id: string): StepState {
  return run.steps[run.plan.indexOf.get(id)!]!;
}
