import { describe, expect, it } from '@jest/globals';
import { fold, isRejection } from '@hybrid/decider';
import { readPipeline } from '../language/read-pipeline.js';
import type { RunCommand } from './run.commands.js';
import { runDecider } from './run.decider.js';
import type { RunEvent } from './run.events.js';
import { retryOf } from './run.retry.js';
import type { Run } from './run.state.js';

const now = '2030-01-01T00:00:00.000Z';
const cy = { user_id: 'cy', email: 'cy@acme.example' };

function start(text: string, more: Partial<Extract<RunCommand, { type: 'StartRun' }>> = {}): RunCommand {
  const read = readPipeline(`name: web\n${text}`);
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  return {
    ...{ type: 'StartRun', run_id: 'r', pipeline: 'web', pipeline_version: 1, definition: read.definition },
    ...{ source: null, inputs: {}, previous_execution_id: null, started_by: 'delivery/1', now },
    ...{ fork: true, author: 'Ada', ...more },
  };
}

function play(...commands: RunCommand[]): {
  types: string[];
  run: Run;
  rejected?: string;
  events: RunEvent[];
} {
  const events: RunEvent[] = [];
  let rejected: string | undefined;
  for (const command of commands) {
    const decision = runDecider.decide(command, fold(runDecider, events));
    if (isRejection(decision)) rejected = decision.rejected;
    else events.push(...decision);
  }
  return { events, types: events.map(({ type }) => type), run: fold(runDecider, events) as Run, rejected };
}

const steps =
  'steps: [{ name: a, type: step.shell_exec, pool: p, dynamic: true, config: { commands: [make] } }]';
const approve = (person: typeof cy | null = cy): RunCommand => ({ type: 'ApproveRun', person, now });

describe('a run of a fork', () => {
  it('waits for somebody, and for nothing else', () => {
    const nothingElse: RunCommand[] = [
      { type: 'GoOn', now },
      { type: 'ReleaseRun', now },
      { type: 'PassDeadlines', now: '2031-01-01T00:00:00.000Z' },
    ];
    expect(play(start(`timeout: 1s\n${steps}`), ...nothingElse).types).toEqual(['RunStarted', 'RunHeld']);
    const { types, run, rejected } = play(start(steps), approve(), approve());
    expect(types).toEqual(['RunStarted', 'RunHeld', 'RunApproved', 'StepQueued']);
    expect(run).toMatchObject({ status: 'RUNNING', approved_by: 'cy', released_at: now });
    expect(rejected).toBeUndefined();
  });

  it.each([
    ['an API key', null, 'run_needs_person'],
    ['its author by his id', { user_id: 'ada', email: null }, 'own_run'],
    ['its author by his e-mail address', { user_id: '1', email: 'ADA@acme.example' }, 'own_run'],
    ['whose wish it was', { user_id: 'bob', email: null }, 'own_run'],
  ])('is not approved by %s', (_, person, code) => {
    expect(play(start(steps, { wanted_by: ['bob'] }), approve(person as typeof cy))).toMatchObject({
      rejected: code,
      types: ['RunStarted', 'RunHeld'],
    });
  });

  it('is approved by one person, and only while it waits', () => {
    const dan = { user_id: 'dan', email: null as unknown as string };
    expect(play(start(steps), approve(), approve(dan)).rejected).toBe('run_not_held');
    const cancel: RunCommand = { type: 'CancelRun', reason: 'no', actor: 'cy', now };
    expect(play(start(steps), cancel, approve())).toMatchObject({
      rejected: 'run_finished',
      types: ['RunStarted', 'RunHeld', 'RunCancelling', 'StepCancelled', 'RunCancelled'],
    });
    expect(play(start(steps, { fork: undefined }), approve()).rejected).toBe('run_not_held');
  });

  it('waits for its concurrency group after that', () => {
    const { types, run } = play(start(`concurrency: { group: g }\n${steps}`), approve());
    expect(types).toEqual(['RunStarted', 'RunHeld', 'RunApproved', 'RunWaiting']);
    expect(run).toMatchObject({ status: 'WAITING', held: false, group: 'g' });
  });

  it('has jobs that are not trusted, in a sandbox, and appends no steps', () => {
    const begun = play(start(steps, { pool: 'of-the-rule' }), approve());
    const queued = begun.events.find((event) => event.type === 'StepQueued')!;
    const { job_id, job } = queued.data;
    expect(job).toMatchObject({ pool: 'of-the-rule', capabilities: ['docker'], spec: { untrusted: true } });
    expect(job.spec.dynamic).toBeUndefined();
    const result = { exit_code: 0, message: null, outputs: {}, artifacts: [], now };
    const report = { steps: '- { name: b, type: step.shell_exec, config: { commands: [x] } }' };
    const finish: RunCommand = { type: 'RecordJobFinished', job_id, outcome: 'succeeded', ...result, report };
    expect(play(start(steps), approve(), finish).types.slice(-2)).toEqual(['StepFailed', 'RunFailed']);
  });

  it('stays one when it is repeated', () => {
    const { run } = play(start(steps), { type: 'CancelRun', reason: 'no', actor: 'cy', now });
    expect(retryOf(run, { from: 'start' })).toMatchObject({ fork: true, author: 'Ada' });
  });
});
