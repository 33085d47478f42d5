/** What starts runs by itself: deliveries, times, and runs of other pipelines. */
import {
  problem,
  ProblemError,
  type CallContext,
  type FiredTriggers,
  type FireTriggers,
  type ListQuery,
  type Page,
  type RunView,
  type ScheduleView,
  type StartByRoute,
  type TriggerView,
} from '@hybrid/contracts';
import { listPage } from '@hybrid/event-store';
import { inputsOfTexts, namesOfRepository, ofOtherHost, triggeredBy, type Run } from '@hybrid/pipeline';
import { Connections } from '@hybrid/service';
import { meter } from '@hybrid/telemetry';
import { Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Pipelines, type ReadPipeline } from '../pipelines/pipelines.js';
import { Runs, type StartOnce } from '../runs/runs.js';
import { triggerList } from './trigger-list.projection.js';
import { fromEvent, runIdOf, STARTED_BY } from './trigger-runs.js';

/** Pipelines that start each other would never end. */
const MAX_DEPTH = 10;

const fired = meter.createCounter('hybrid_pipelines_triggers_fired', {
  description: 'Runs that started by themselves, by kind: push, tag, pull_request, schedule, pipeline, rule',
});

@Injectable()
export class Triggers implements OnModuleInit {
  private readonly logger = new Logger(Triggers.name);

  constructor(
    private readonly connections: Connections,
    private readonly pipelines: Pipelines,
    private readonly runs: Runs,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.connections.project(triggerList);
  }

  /** Runs of all pipelines of the repository whose `on` fits. The same delivery again answers the same runs. */
  async fire({ delivery_id, event }: FireTriggers, call: CallContext): Promise<FiredTriggers> {
    forRouting(call);
    const answer: FiredTriggers = { runs: [], passed_over: [] };
    for (const pipeline of await this.pipelines.ofRepository(namesOfRepository(event), call.org)) {
      const run_id = runIdOf(call.org, `delivery/${delivery_id}`, pipeline);
      const why = (await this.runs.load(run_id, call.org))
        ? null
        : await this.fireOne(pipeline, run_id, { delivery_id, event }, call);
      if (why === null) answer.runs.push({ pipeline, run_id });
      else answer.passed_over.push({ pipeline, why });
    }
    return answer;
  }

  /** Null: it runs; otherwise why it does not. */
  private async fireOne(
    pipeline: string,
    run_id: string,
    { delivery_id, event }: FireTriggers,
    call: CallContext,
  ): Promise<string | null> {
    return this.unlessRefused(async () => {
      const definition = await this.pipelines.definition(pipeline, call.org);
      const elsewhere = ofOtherHost(definition, event);
      if (elsewhere !== null) return elsewhere;
      const { fires, why } = triggeredBy(definition.definition, event);
      if (!fires) return why;
      const from = fromEvent(event, definition.clone_url);
      if (from.source === null)
        return 'neither the event nor the pipeline names what to clone: give the pipeline a clone_url';
      const started_by = STARTED_BY.delivery + delivery_id;
      await this.start(
        event.kind,
        { definition, command: { run_id, pipeline, inputs: {}, started_by, ...from } },
        call,
      );
      return null;
    });
  }

  /** What a routing rule wants of one pipeline. @throws ProblemError `pipeline_not_found`, `inputs_invalid`, … */
  async startByRoute(request: StartByRoute, call: CallContext): Promise<RunView> {
    forRouting(call);
    const { pipeline_id: pipeline, delivery_id, rule, pool, event } = request;
    const definition = await this.pipelines.definition(pipeline, call.org);
    const { clone_url } = definition;
    const from = event
      ? fromEvent(event, clone_url)
      : { event: 'api' as const, source: clone_url === null ? null : { repository: clone_url } };
    const command: StartOnce['command'] = {
      run_id: runIdOf(call.org, `delivery/${delivery_id}/rule/${rule}`, pipeline),
      pipeline,
      inputs: inputsOfTexts(definition.definition.inputs, request.inputs),
      started_by: STARTED_BY.delivery + delivery_id,
      rule,
      ...(pool !== undefined && { pool }),
      ...from,
    };
    return this.start('rule', { definition, command }, call);
  }

  /** A schedule is due. Null: it runs, or is none any more; otherwise why it does not. */
  async due(pipeline: string, cron: string, due_at: string, call: CallContext): Promise<string | null> {
    return this.unlessRefused(async () => {
      const definition = await this.pipelines.definition(pipeline, call.org);
      if (!definition.definition.triggers?.schedule?.includes(cron)) return null;
      const { clone_url } = definition;
      const command: StartOnce['command'] = {
        run_id: runIdOf(call.org, `schedule/${due_at}`, pipeline),
        ...{ pipeline, inputs: {}, event: 'schedule', due_at },
        source: clone_url === null ? null : { repository: clone_url },
        started_by: STARTED_BY.schedule + due_at,
      };
      await this.start('schedule', { definition, command }, call);
      return null;
    });
  }

  /** A run succeeded: pipelines that want that run next, at the same commit where they clone the same. A fork starts none. */
  async after(run: Run, call: CallContext): Promise<void> {
    if (run.fork) return;
    await this.connections.readModel(triggerList).reachHead();
    const { rows } = await this.connections.pool.query<{ pipeline: string }>(
      `select pipeline from pipelines.triggers where org = $1 and kind = 'pipeline' and source = $2 order by pipeline`,
      [call.org, run.pipeline],
    );
    for (const { pipeline } of rows) {
      const why = await this.unlessRefused(() => this.startAfter(run, pipeline, call));
      if (why !== null) this.logger.warn(`run ${run.run_id} does not start ${pipeline}: ${why}`);
    }
  }

  private async startAfter(run: Run, pipeline: string, call: CallContext): Promise<string | null> {
    const depth = (run.depth ?? 0) + 1;
    if (depth > MAX_DEPTH)
      return `${MAX_DEPTH} runs have started each other already: do the pipelines name each other under \`on.pipeline\`?`;
    const definition = await this.pipelines.definition(pipeline, call.org);
    if (!definition.definition.triggers?.pipelines?.includes(run.pipeline)) return null;
    const command: StartOnce['command'] = {
      run_id: runIdOf(call.org, `run/${run.run_id}`, pipeline),
      ...{ pipeline, inputs: {}, event: 'pipeline', depth, after: run.pipeline },
      source: sourceAfter(run, definition),
      started_by: STARTED_BY.run + run.run_id,
      // Whose wish the run before was may not approve what it leads to.
      wanted_by: [run.started_by, ...(run.wanted_by ?? [])],
    };
    await this.start('pipeline', { definition, command }, call);
    return null;
  }

  private async start(kind: string, start: StartOnce, call: CallContext): Promise<RunView> {
    const { run, isNew } = await this.runs.startOnce(start, call);
    if (isNew) fired.add(1, { kind });
    return run;
  }

  /** What is refused stays refused; what is away is tried again by whoever asked. */
  private async unlessRefused(work: () => Promise<string | null>): Promise<string | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ProblemError) || !['invalid', 'not_found'].includes(error.problem.kind))
        throw error;
      return error.problem.detail;
    }
  }

  list(query: ListQuery, call: CallContext): Promise<Page<TriggerView>> {
    return this.page(query, call, {}, ({ pipeline, repository, kind, said, last_run_id, last_fired_at }) => ({
      ...{ pipeline, repository, kind, when: said, last_run_id },
      last_fired_at: last_fired_at?.toISOString() ?? null,
    }));
  }

  schedules(query: ListQuery, call: CallContext): Promise<Page<ScheduleView>> {
    return this.page(
      query,
      call,
      { kind: 'schedule' },
      ({ pipeline, source, due, last_run_id, last_fired_at }) => ({
        ...{ pipeline, cron: source!, next_at: due?.toISOString() ?? null, last_run_id },
        last_fired_at: last_fired_at?.toISOString() ?? null,
      }),
    );
  }

  private page<View>(
    query: ListQuery,
    call: CallContext,
    where: Record<string, string>,
    view: (row: TriggerRow) => View,
  ): Promise<Page<View>> {
    const from = this.connections.readModel(triggerList);
    return listPage({ from, table: 'pipelines.triggers', call, query, where, view });
  }
}

interface TriggerRow {
  id: string;
  created_at: Date;
  pipeline: string;
  repository: string | null;
  kind: TriggerView['kind'];
  /** The cron of a schedule. */
  source: string | null;
  said: string;
  due: Date | null;
  last_run_id: string | null;
  last_fired_at: Date | null;
}

function sourceAfter({ source }: Run, { clone_url }: ReadPipeline): Run['source'] {
  if (clone_url === null || source?.repository === clone_url) return source;
  return { repository: clone_url };
}

/** Whoever could say what was pushed could start any run without a trace of a delivery. */
function forRouting({ actor }: CallContext): void {
  if (actor.type !== 'service' || actor.id !== 'routing')
    throw problem('forbidden', 'forbidden', 'events of repositories come from the routing service alone');
}
