/** Commands and queries of pipeline definitions. */
import {
  problem,
  type CallContext,
  type ListQuery,
  type Page,
  type PipelineView,
  type PutPipeline,
  type RunProof,
  type ValidationReport,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { type Definition, readPipeline } from '@hybrid/pipeline';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { pipelineList } from './pipeline-list.projection.js';
import {
  pipelineDecider,
  type PipelineCommand,
  type PipelineEvent,
  type PipelineState,
} from './pipeline.decider.js';

export interface ReadPipeline {
  version: number;
  repository: string | null;
  clone_url: string | null;
  definition: Definition;
}

@Injectable()
export class Pipelines implements OnModuleInit {
  private readonly things: Things<PipelineState, PipelineCommand, PipelineEvent>;

  constructor(private readonly connections: Connections) {
    this.things = new Things(connections.eventStore, 'pipeline', pipelineDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(pipelineList);
  }

  validate({ definition, files }: PutPipeline): ValidationReport {
    const read = readPipeline(definition, files);
    return 'errors' in read ? { valid: false, errors: read.errors } : { valid: true, errors: [] };
  }

  /** @throws ProblemError `invalid_pipeline` with every error's line and column, `pipeline_name`, `pipeline_exists`. */
  async put(
    request: PutPipeline & { pipeline_id?: string; create?: boolean },
    call: CallContext,
  ): Promise<PipelineView> {
    const { name } = checked(request);
    if (request.pipeline_id !== undefined && request.pipeline_id !== name)
      throw problem(
        'invalid',
        'pipeline_name',
        `the definition is named ${name}, not ${request.pipeline_id}`,
        [{ path: 'definition', message: `its name must be ${request.pipeline_id}` }],
      );
    const { definition, files, repository, clone_url, signature, create = false } = request;
    if (clone_url !== undefined) checkCloneUrl(clone_url);
    const command: PipelineCommand = {
      type: 'DefinePipeline',
      pipeline_id: name,
      definition,
      ...(files && { files }),
      ...{ repository, clone_url, signature },
      create,
      now: now(),
    };
    return view((await this.things.handle(thingId(name, call.org), command, call)).state);
  }

  async delete(pipelineId: string, call: CallContext): Promise<PipelineView> {
    const before = await this.get(pipelineId, call.org);
    await this.things.handle(thingId(pipelineId, call.org), { type: 'DeletePipeline', now: now() }, call);
    return before;
  }

  async get(pipelineId: string, org: string): Promise<PipelineView> {
    return view((await this.things.load(thingId(pipelineId, org), org)).state);
  }

  /** The current version, read. @throws ProblemError `pipeline_not_found`. */
  async definition(pipelineId: string, org: string): Promise<ReadPipeline> {
    const { state } = await this.things.load(thingId(pipelineId, org), org);
    const { version, repository, clone_url } = view(state);
    return { version, repository, clone_url, definition: checked(state.current!) };
  }

  /** Names of those that belong to it now: what was written a moment ago is seen. @param names the repository's, in lower case. */
  async ofRepository(names: string[], org: string): Promise<string[]> {
    await this.connections.readModel(pipelineList).reachHead();
    const { rows } = await this.connections.pool.query<{ name: string }>(
      `select state->'current'->>'pipeline_id' as name from pipelines.pipelines
        where org = $1 and repository = any($2) order by name`,
      [org, names],
    );
    return rows.map(({ name }) => name);
  }

  /** A version as it was stored, for whoever checks it. @throws ProblemError `pipeline_not_found`. */
  async proof(pipelineId: string, version: number, org: string): Promise<Omit<RunProof, 'events'>> {
    const id = thingId(pipelineId, org);
    // Deletions stand between the versions.
    for (let revision = Math.max(0, version - 1); ; revision++) {
      const event = await this.things.eventAt(id, revision, org);
      if (!event)
        throw problem('not_found', 'pipeline_not_found', 'there is no such version of the pipeline');
      if (event.type !== 'PipelineDefined' || event.data.version !== version) continue;
      const { definition, files = {}, signature = null } = event.data;
      return { definition, files, signature };
    }
  }

  list(query: ListQuery, call: CallContext): Promise<Page<PipelineView>> {
    return listPage<{ id: string; created_at: Date; state: PipelineState }, PipelineView>({
      from: this.connections.readModel(pipelineList),
      table: 'pipelines.pipelines',
      call,
      query,
      where: { defined: 'yes' },
      view: (row) => view(row.state),
    });
  }
}

/** Names are unique within an organisation: the stream's id is both. */
function thingId(pipelineId: string, org: string): string {
  return `${org}.${pipelineId}`;
}

function view({ current, created_at }: PipelineState): PipelineView {
  if (!current) throw problem('not_found', 'pipeline_not_found', 'there is no such pipeline');
  const {
    pipeline_id: id,
    version,
    definition,
    repository = null,
    clone_url = null,
    signature,
    at,
  } = current;
  return {
    ...{ id, version, definition, repository, clone_url, signed: signature !== undefined },
    created_at: created_at ?? at,
    updated_at: at,
  };
}

/** Runs carry it to whoever reads them. `git@` is how one signs in by ssh, and tells nothing. */
function checkCloneUrl(url: string): void {
  const [, scheme, user] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(?:([^/?#]*)@)?/i.exec(url)!;
  if (user === undefined || (user === 'git' && !/^http/i.test(scheme ?? 'ssh'))) return;
  throw problem('invalid', 'clone_url_invalid', 'clone_url holds a user or a password', [
    {
      path: 'clone_url',
      message: 'leave out what stands before the @: agents have credentials of their own for the host',
    },
  ]);
}

function checked({ definition, files }: PutPipeline): Definition {
  const read = readPipeline(definition, files);
  if ('errors' in read)
    throw problem(
      'invalid',
      'invalid_pipeline',
      `the definition has ${read.errors.length} error(s)`,
      read.errors,
    );
  return read.definition;
}

function now(): string {
  return new Date().toISOString();
}
