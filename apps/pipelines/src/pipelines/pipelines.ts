/** Commands and queries of pipeline definitions. */
import {
  problem,
  type CallContext,
  type ListQuery,
  type Page,
  type PipelineView,
  type PutPipeline,
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
    const { definition, files, create = false } = request;
    const command: PipelineCommand = {
      type: 'DefinePipeline',
      pipeline_id: name,
      definition,
      ...(files && { files }),
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
  async definition(pipelineId: string, org: string): Promise<{ version: number; definition: Definition }> {
    const { state } = await this.things.load(thingId(pipelineId, org), org);
    const { version } = view(state);
    return { version, definition: checked(state.current!) };
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
  const { pipeline_id: id, version, definition, at } = current;
  return {
    ...{ id, version, definition },
    ...{ repository: null, clone_url: null, signed: false },
    created_at: created_at ?? at,
    updated_at: at,
  };
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
