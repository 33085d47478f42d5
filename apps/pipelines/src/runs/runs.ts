/** Commands and queries of runs. */
import {
  problem,
  type CallContext,
  type JobChanged,
  type ListRuns,
  type Page,
  type RunSummary,
  type RunView,
  type StartRun,
} from '@hybrid/contracts';
import { listPage, Snapshots, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import {
  RUN_FOLD,
  type RunCommand,
  runDecider,
  type RunEvent,
  runEvents,
  type RunState,
  type StepQueued,
  viewOf,
} from '@hybrid/pipeline';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Pipelines } from '../pipelines/pipelines.js';
import { runList, type ListedRun } from './run-list.projection.js';
import { runPublisher } from './run.publisher.js';

@Injectable()
export class Runs implements OnModuleInit {
  private readonly things: Things<RunState, RunCommand, RunEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly pipelines: Pipelines,
  ) {
    // A run of 1,000 steps has thousands of events.
    const snapshots = new Snapshots(connections.pool, 'pipelines', RUN_FOLD, runEvents);
    this.things = new Things(connections.eventStore, 'run', runDecider, snapshots);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(runList);
    this.connections.publish(runPublisher);
  }

  /** Starts the current version of the pipeline. @throws ProblemError `pipeline_not_found`, `inputs_invalid`, … */
  async start(
    request: StartRun & { pipeline_id: string; run_id: string },
    call: CallContext,
  ): Promise<RunView> {
    const { pipeline_id, run_id, source = null, inputs = {} } = request;
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
      now: now(),
    };
    return shown((await this.things.handle(run_id, command, call)).state);
  }

  async cancel(runId: string, reason: string, call: CallContext): Promise<RunView> {
    const command: RunCommand = { type: 'CancelRun', reason, actor: call.actor.id, now: now() };
    return shown((await this.things.handle(runId, command, call)).state);
  }

  async get(runId: string, org: string): Promise<RunView> {
    return shown((await this.things.load(runId, org)).state);
  }

  list(query: ListRuns, call: CallContext): Promise<Page<RunSummary>> {
    return listPage<{ id: string; created_at: Date; state: ListedRun }, RunSummary>({
      from: this.connections.readModel(runList),
      table: 'pipelines.runs',
      call,
      query,
      where: { status: query.status, pipeline: query.pipeline },
      view: ({ id, state: { started_at, ...run } }) => ({
        ...run,
        id,
        status: run.status!,
        retry_of: null,
        created_at: started_at,
      }),
    });
  }

  /** The StepQueued at this place of the run's stream. @throws Error where there is none. */
  async queuedStep(runId: string, revision: number, org: string): Promise<StepQueued['data']> {
    const event = await this.things.eventAt(runId, revision, org);
    if (event?.type !== 'StepQueued')
      throw new Error(`run ${runId}: there is no StepQueued at revision ${revision}`);
    return event.data;
  }

  /** What became of a job of the run; what is known already changes nothing. */
  async recordJob(runId: string, job: JobChanged, at: string, call: CallContext): Promise<void> {
    const command = commandFor(job, at);
    if (command) await this.things.handle(runId, command, call);
  }

  private async lastSuccess(pipelineId: string, org: string): Promise<string | null> {
    const { rows } = await this.connections.pool.query<{ id: string }>(
      `select id from pipelines.runs where org = $1 and pipeline = $2 and status = 'SUCCEEDED' order by created_at desc limit 1`,
      [org, pipelineId],
    );
    return rows[0]?.id ?? null;
  }
}

function commandFor(job: JobChanged, now: string): RunCommand | null {
  const { job_id, agent_id, attempt, exit_code, outputs, artifacts, error_message: message } = job;
  if (job.status === 'RUNNING')
    return { type: 'RecordJobStarted', job_id, agent_id: agent_id ?? '', attempt, now };
  if (!job.final) return null;
  const result = { type: 'RecordJobFinished', job_id, exit_code, message, outputs, artifacts, now } as const;
  switch (job.status) {
    case 'COMPLETED':
      return { ...result, outcome: 'succeeded' };
    case 'FAILED':
    case 'DEAD_LETTERED':
      return { ...result, outcome: 'failed' };
    case 'CANCELLED':
      return { ...result, outcome: 'cancelled' };
    case 'QUEUED':
    case 'CLAIMED':
      return null;
  }
}

function shown(state: RunState): RunView {
  if (state.status === 'NONE') throw problem('not_found', 'run_not_found', 'there is no such run');
  return viewOf(state);
}

function now(): string {
  return new Date().toISOString();
}
