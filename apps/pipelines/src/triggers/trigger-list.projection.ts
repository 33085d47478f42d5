import { understood, type Projection, type StoredEvent } from '@hybrid/event-store';
import { listedTriggers, nextDue, readPipeline, runEvents, type RunEvent } from '@hybrid/pipeline';
import { pipelineEvents, type PipelineVersion } from '../pipelines/pipeline.decider.js';
import { isByItself } from './trigger-runs.js';

type Connection = Parameters<Projection['apply']>[0];

/**
 * `pipelines.triggers`: one row for each that a pipeline says under `on`, with when it is due next and what it started
 * last. A schedule that is still there in the next version is due as before.
 */
export const triggerList: Projection = {
  schema: 'pipelines',
  name: 'triggers',
  version: 1,
  prefixes: ['pipeline-', 'run-'],
  tables: ['triggers'],
  create: `create table triggers (id text primary key, org text not null, created_at timestamptz not null,
      pipeline text not null, repository text, kind text not null, source text, said text not null,
      due timestamptz, last_run_id text, last_fired_at timestamptz);
    create index on triggers (org, created_at desc, id desc);
    create index on triggers (org, pipeline);
    create index on triggers (org, kind, source);
    create index on triggers (due)`,
  async apply(connection, events) {
    for (const stored of events) {
      const { org } = stored.metadata;
      if (stored.category === 'run') await onRun(connection, org, stored);
      else await onPipeline(connection, org, stored);
    }
  },
};

async function onPipeline(connection: Connection, org: string, stored: StoredEvent): Promise<void> {
  const event = understood(pipelineEvents, stored)?.event;
  if (!event) return;
  const rows = event.type === 'PipelineDefined' ? rowsOf(event.data, org) : [];
  await connection.query('delete from triggers where starts_with(id, $1) and not id = any($2)', [
    `${stored.thingId}/`,
    rows.map(({ id }) => id),
  ]);
  if (rows.length === 0) return;
  await connection.query(
    `insert into triggers (id, org, created_at, pipeline, repository, kind, source, said, due)
      select id, org, created_at, pipeline, repository, kind, source, said, due from jsonb_to_recordset($1::jsonb)
        as r(id text, org text, created_at timestamptz, pipeline text, repository text, kind text, source text,
          said text, due timestamptz)
      on conflict (id) do update set repository = excluded.repository, said = excluded.said`,
    [JSON.stringify(rows)],
  );
}

/** None of a definition that this version cannot read. */
function rowsOf({ pipeline_id: pipeline, definition, files, repository, at }: PipelineVersion, org: string) {
  const read = readPipeline(definition, files);
  if ('errors' in read) return [];
  return listedTriggers(read.definition).map(({ kind, when, source }) => ({
    id: `${org}.${pipeline}/${kind}/${source ?? ''}`,
    ...{ org, created_at: at, pipeline, repository: repository ?? null, kind, source, said: when },
    due: kind === 'schedule' ? nextDue(source!, at) : null,
  }));
}

async function onRun(connection: Connection, org: string, stored: StoredEvent): Promise<void> {
  // Most events of runs say nothing here.
  if (stored.event.type !== 'RunStarted') return;
  const event = understood(runEvents, stored)?.event as Extract<RunEvent, { type: 'RunStarted' }> | undefined;
  if (!event || !isByItself(event.data)) return;
  const { pipeline, run_id, event: kind, due_at = null, after, at } = event.data;
  const { rows } = await connection.query<{ id: string; source: string | null }>(
    `select id, source from triggers where org = $1 and pipeline = $2 and kind = $3
      and ($4::timestamptz is null or due <= $4) and ($5::text is null or source = $5)`,
    [org, pipeline, kind, due_at, after ?? null],
  );
  for (const { id, source } of rows)
    await connection.query(
      'update triggers set last_run_id = $2, last_fired_at = $3, due = $4 where id = $1',
      [id, run_id, at, due_at === null ? null : nextDue(source!, due_at)],
    );
}
