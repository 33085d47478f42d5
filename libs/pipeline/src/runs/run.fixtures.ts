/** Runs for specs: pipelines as text, commands with the boring fields filled in. */
import type { StepReport } from '@hybrid/contracts';
import type { Definition } from '../language/definition.js';
import { readPipeline } from '../language/read-pipeline.js';
import { fold, isRejection } from '@hybrid/decider';
import {
  runDecider,
  type CancelRun,
  type DecideGate,
  type PassDeadlines,
  type RecordAttemptFailed,
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

/** An attempt that failed, and is followed by another. */
export function failedOnce(step: string, attempt: number, failed_tests: string[] = []): RecordAttemptFailed {
  const message = `attempt ${attempt} failed`;
  const job_id = jobIdOf(RUN_ID, step);
  return { type: 'RecordAttemptFailed', job_id, attempt, exit_code: 1, message, failed_tests, now: NOW };
}

/** What a step tells of its tests, of ten in all. */
export function tests(failed: string[], flaky: string[] = []): StepReport {
  const cases = (names: string[]) => names.map((name) => ({ name }));
  const counts = { total: 10, failed: failed.length, skipped: 0, flaky: flaky.length, seconds: 1 };
  return { tests: { ...counts, failures: cases(failed), flaky_tests: cases(flaky) } };
}

/** What a scan tells that found so many high ones. */
export function scan(high: number, passed = high === 0): StepReport {
  const counts = { critical: 0, high, medium: 0, low: 0, info: 0 };
  return { scan: { scanner: 'semgrep', passed, threshold: 'high', counts, findings: [] } };
}

export function gate(name: string, needs: string[], config = ''): string {
  return `name: ${name}, needs: [${needs.join(', ')}], type: step.gate, config: {type: manual, ${config}}`;
}

/** A person decides. */
export function decides(
  name: string,
  user_id: string,
  more: Partial<DecideGate> & { email?: string } = {},
): DecideGate {
  const { email = null, ...rest } = more;
  const person = { user_id, email };
  return { type: 'DecideGate', gate: name, person, decision: 'approved', reason: null, now: NOW, ...rest };
}

/** Seconds after NOW. */
export function after(seconds: number): string {
  return new Date(Date.parse(NOW) + seconds * 1000).toISOString();
}

export function deadline(seconds: number): PassDeadlines {
  return { type: 'PassDeadlines', now: after(seconds) };
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
