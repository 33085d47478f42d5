/** Commands and queries of runs. */
import {
  problem,
  ProblemError,
  type Actor,
  type CallContext,
  type DecideGate,
  type JobChanged,
  type ListRuns,
  type OfGate,
  type Page,
  type RetryRun,
  type RunSummary,
  type RunView,
  type StartRun,
  type StepView,
} from '@hybrid/contracts';
import { isRejection, type Rejection } from '@hybrid/decider';
import { listPage, Snapshots, Things, type Handled, type Thing } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import {
  findStepView,
  messageViewOf,
  proofOf,
  retryOf,
  RUN_FOLD,
  type Run,
  type RunCommand,
  runDecider,
  type RunEvent,
  runEvents,
  type RunState,
  type StartRunCommand,
  type StepQueued,
  takenOver,
} from '@hybrid/pipeline';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Pipelines, type ReadPipeline } from '../pipelines/pipelines.js';
import { commandFor } from './job-commands.js';
import { runList, type ListedRun } from './run-list.projection.js';
import { RunTurns } from './run-turns.js';
import { runPublisher } from './run.publisher.js';

/** What follows from the pipeline is filled in. */
export interface StartOnce {
  definition: ReadPipeline;
  command: Omit<
    StartRunCommand,
    'type' | 'pipeline_version' | 'definition' | 'previous_execution_id' | 'now' | 'retry' | 'appended'
  >;
}

/** A NATS message has 1 MiB. */
const MAX_PROOF_BYTES = 900_000;

@Injectable()
export class Runs implements OnModuleInit {
  private readonly things: Things<RunState, RunCommand, RunEvent>;
  private readonly turns: RunTurns;

  constructor(
    private readonly connections: Connections,
    private readonly pipelines: Pipelines,
  ) {
    // A run of 1,000 steps has thousands of events.
    const snapshots = new Snapshots(connections.pool, 'pipelines', RUN_FOLD, runEvents);
    this.things = new Things(connections.eventStore, 'run', runDecider, snapshots);
    this.turns = new RunTurns(this.things);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(runList);
    this.connections.publish(runPublisher);
  }

  /**
   * Starts what nobody started by hand: by its id once, whatever became of the pipeline since.
   * @throws ProblemError `inputs_invalid`, `run_too_large`, `concurrency_group_invalid`.
   */
  async startOnce(
    { command, definition }: StartOnce,
    call: CallContext,
  ): Promise<{ run: RunView; isNew: boolean }> {
    const { run_id, pipeline } = command;
    const { version, definition: text } = definition;
    const previous_execution_id = await this.lastSuccess(pipeline, call.org);
    const start = { ...command, pipeline_version: version, definition: text, previous_execution_id };
    try {
      // Nearly all are new: without a look first.
      const started = await this.handle(run_id, { type: 'StartRun', ...start, now: now() }, call, NEW);
      return { run: shown(started.state), isNew: started.events.length > 0 };
    } catch (error) {
      // It was started before, perhaps of another version of the pipeline.
      const started = await this.load(run_id, call.org);
      if (!started) throw error;
      return { run: messageViewOf(started), isNew: false };
    }
  }

  /** Starts the current version of the pipeline. @throws ProblemError `pipeline_not_found`, `inputs_invalid`, … */
  async start(
    request: StartRun & { pipeline_id: string; run_id: string; wanted_by?: string },
    call: CallContext,
  ): Promise<RunView> {
    const { pipeline_id, run_id, source = null, inputs = {}, event, wanted_by } = request;
    const { version, definition } = await this.pipelines.definition(pipeline_id, call.org);
    const command: RunCommand = {
      type: 'StartRun',
      run_id,
      pipeline: pipeline_id,
      pipeline_version: version,
      definition,
      source,
      inputs,
      previous_execution_id: await this.lastSuccess(pipeline_id, call.org),
      started_by: call.actor.id,
      event: event ?? eventBy(call.actor),
      ...(wanted_by !== undefined && { wanted_by: [wanted_by] }),
      now: now(),
    };
    return shown((await this.handle(run_id, command, call)).state);
  }

  /**
   * Starts a run of the same definition, source and inputs. Its results of before follow with RunProcess.
   * @throws ProblemError `run_not_found`, `run_not_over`, `step_missing`, `step_not_found`.
   */
  async retry(
    request: RetryRun & { run_id: string; new_run_id: string; wanted_by?: string },
    call: CallContext,
  ): Promise<RunView> {
    const { run_id, new_run_id, wanted_by } = request;
    const retry = accepted(retryOf(await this.existing(run_id, call.org), request));
    const command: RunCommand = {
      ...retry,
      type: 'StartRun',
      run_id: new_run_id,
      started_by: call.actor.id,
      wanted_by: [...(retry.wanted_by ?? []), ...(wanted_by === undefined ? [] : [wanted_by])],
      now: now(),
    };
    return shown((await this.handle(new_run_id, command, call)).state);
  }

  /** @throws ProblemError `run_needs_person`, `run_finished`, `run_not_held`, `own_run`. */
  async approve(
    { run_id, person }: { run_id: string; person: OfGate['person'] },
    call: CallContext,
  ): Promise<RunView> {
    return shown((await this.handle(run_id, { type: 'ApproveRun', person, now: now() }, call)).state);
  }

  async cancel(runId: string, reason: string, call: CallContext): Promise<RunView> {
    const command: RunCommand = { type: 'CancelRun', reason, actor: call.actor.id, now: now() };
    return shown((await this.handle(runId, command, call)).state);
  }

  /** @throws ProblemError `gate_not_found`, `gate_not_open`, `gate_decided`, `not_an_approver`, `own_run`. */
  async decideGate(
    { run_id, gate, person, reason, signature }: DecideGate & OfGate,
    decision: 'approved' | 'rejected',
    call: CallContext,
  ): Promise<RunView> {
    const command: RunCommand = {
      type: 'DecideGate',
      ...{ gate, person, decision, reason: reason ?? null },
      ...(signature !== undefined && { signature }),
      now: now(),
    };
    return shown((await this.handle(run_id, command, call)).state);
  }

  async get(runId: string, org: string): Promise<RunView> {
    return messageViewOf(await this.existing(runId, org));
  }

  /** @throws ProblemError `step_not_found`. */
  async getStep(runId: string, stepId: string, org: string): Promise<StepView> {
    const view = findStepView(await this.existing(runId, org), stepId);
    if (!view) throw problem('not_found', 'step_not_found', `the run has no step \`${stepId}\``);
    return view;
  }

  list(query: ListRuns, call: CallContext): Promise<Page<RunSummary>> {
    return listPage<{ id: string; created_at: Date; state: ListedRun }, RunSummary>({
      from: this.connections.readModel(runList),
      table: 'pipelines.runs',
      call,
      query,
      where: { status: query.status, pipeline: query.pipeline },
      view: ({ id, state }) => {
        const { started_at, timeout_seconds: _, due: __, gates_due: ___, fork: ____, ...run } = state;
        return { ...run, id, status: run.status!, created_at: started_at };
      },
    });
  }

  /** Null where the organisation has no such run. */
  async load(runId: string, org: string): Promise<Run | null> {
    const { state } = await this.things.load(runId, org);
    return state.status === 'NONE' ? null : state;
  }

  /** The StepQueued at this place of the run's stream. @throws Error where there is none. */
  async queuedStep(runId: string, revision: number, org: string): Promise<StepQueued['data']> {
    const event = await this.things.eventAt(runId, revision, org);
    if (event?.type !== 'StepQueued')
      throw new Error(`run ${runId}: there is no StepQueued at revision ${revision}`);
    return event.data;
  }

  /**
   * What the run knew when it queued the job.
   * @throws ProblemError `run_not_found`, `job_not_found`, `proof_too_large`.
   */
  async proof(runId: string, jobId: string, org: string) {
    const { pipeline: pipeline_id, pipeline_version: version } = await this.existing(runId, org);
    const history = await this.things.history(runId);
    const events = proofOf(
      history.map(({ event }) => event),
      jobId,
    );
    if (!events) throw problem('not_found', 'job_not_found', 'the run has no such job');
    if (Buffer.byteLength(JSON.stringify(events)) > MAX_PROOF_BYTES)
      throw problem(
        'too_large',
        'proof_too_large',
        `what the run knew when it queued the job has more than ${MAX_PROOF_BYTES} bytes: fewer steps, or shorter outputs`,
      );
    return { pipeline_id, version, events };
  }

  /** What became of a job of the run; what is known already changes nothing. */
  async recordJob(runId: string, job: JobChanged, at: string, call: CallContext): Promise<void> {
    const command = commandFor(job, at);
    if (command) await this.handle(runId, command, call);
  }

  /** Its concurrency group lets it begin. */
  async release(runId: string, call: CallContext): Promise<void> {
    await this.handle(runId, { type: 'ReleaseRun', now: now() }, call);
  }

  /** As `cancel`, but whoever cleans up already is left alone. @throws ProblemError `run_finished`. */
  async cancelOnce(runId: string, reason: string, call: CallContext): Promise<void> {
    const command = { type: 'CancelRun', reason, actor: call.actor.id, once: true, now: now() } as const;
    await this.handle(runId, command, call);
  }

  /** `at`: the time that deadlines are compared with. */
  async passDeadlines(runId: string, at: string, call: CallContext): Promise<void> {
    await this.handle(runId, { type: 'PassDeadlines', now: at }, call);
  }

  /** Brings in what is taken over from the run that this one repeats, and whatever else was left over. */
  async goOn(runId: string, call: CallContext): Promise<void> {
    const run = await this.load(runId, call.org);
    if (!run) return;
    if (isLeftOver(run)) await this.handle(runId, { type: 'GoOn', now: now() }, call);
    const before = run.retry && run.awaited.size > 0 ? await this.load(run.retry.of, call.org) : null;
    for (const steps of before ? takenOver(run, before) : [])
      await this.handle(runId, { type: 'TakeOverSteps', steps, now: now() }, call);
  }

  /** Until all is decided that an append has no room for. Whoever asks again after a kill in between goes on with it. */
  private async handle(
    runId: string,
    command: RunCommand,
    call: CallContext,
    first?: Thing<RunState>,
  ): Promise<Handled<RunState, RunEvent>> {
    let handled = await this.turns.handle(runId, command, call, first);
    while (handled.events.length > 0 && isLeftOver(handled.state))
      handled = await this.turns.handle(runId, { type: 'GoOn', now: now() }, call);
    return handled;
  }

  private async existing(runId: string, org: string): Promise<Run> {
    const run = await this.load(runId, org);
    if (!run) throw problem('not_found', 'run_not_found', 'there is no such run');
    return run;
  }

  private async lastSuccess(pipelineId: string, org: string): Promise<string | null> {
    const { rows } = await this.connections.pool.query<{ id: string }>(
      `select id from pipelines.runs where org = $1 and pipeline = $2 and status = 'SUCCEEDED' and not fork order by created_at desc limit 1`,
      [org, pipelineId],
    );
    return rows[0]?.id ?? null;
  }
}

const NEW = { state: runDecider.initial, revision: null };

/** Whether something could be decided that is not. */
function isLeftOver(run: RunState): boolean {
  const left = runDecider.decide({ type: 'GoOn', now: now() }, run);
  return !isRejection(left) && left.length > 0;
}

function eventBy({ type }: Actor): 'manual' | 'api' {
  return type === 'user' ? 'manual' : 'api';
}

function accepted<T extends object>(decision: T | Rejection): T {
  if (!('rejected' in decision)) return decision;
  const { kind, rejected: code, detail } = decision;
  throw new ProblemError({ kind, code, detail });
}

function shown(state: RunState): RunView {
  if (state.status === 'NONE') throw problem('not_found', 'run_not_found', 'there is no such run');
  return messageViewOf(state);
}

function now(): string {
  return new Date().toISOString();
}
