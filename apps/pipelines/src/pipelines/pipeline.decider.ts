/** A pipeline's definition: versions from 1 on; deleted, it starts again with the next version. */
import { isDeepStrictEqual } from 'node:util';
import { reject, type Decider, type EventTypes, type Rejection } from '@hybrid/decider';

export type PipelineEvent =
  { type: 'PipelineDefined'; data: PipelineVersion } | { type: 'PipelineDeleted'; data: { at: string } };

export const pipelineEvents: EventTypes<PipelineEvent> = {
  today: { PipelineDefined: true, PipelineDeleted: true },
};

export interface PipelineVersion {
  pipeline_id: string;
  version: number;
  /** The text as it was given. */
  definition: string;
  /** Those that it names with `uses: ./path`, by that path. */
  files?: Record<string, string>;
  /** Whose events start it: `owner/name`. */
  repository?: string;
  /** What runs clone that no event started. */
  clone_url?: string;
  /** JWS of the definition and its files by the customer's key. */
  signature?: string;
  at: string;
}

/** They go into one event, and an append holds 1 MiB. */
const MAX_EVENT_BYTES = 900_000;

export interface PipelineState {
  /** Null: there is no such pipeline. */
  current: PipelineVersion | null;
  created_at: string | null;
  /** Of the last version ever, deleted or not. */
  version: number;
}

export type PipelineCommand =
  | {
      type: 'DefinePipeline';
      pipeline_id: string;
      definition: string;
      files?: Record<string, string>;
      /** What is left out stays as it is, but for the signature of another text. */
      repository?: string;
      clone_url?: string;
      signature?: string;
      create: boolean;
      now: string;
    }
  | { type: 'DeletePipeline'; now: string };

export const pipelineDecider: Decider<PipelineState, PipelineCommand, PipelineEvent> = {
  initial: { current: null, created_at: null, version: 0 },
  events: pipelineEvents,
  decide,
  evolve,
};

function decide(command: PipelineCommand, state: PipelineState): PipelineEvent[] | Rejection {
  switch (command.type) {
    case 'DefinePipeline': {
      const { pipeline_id, definition, files = {}, create, now } = command;
      const { current } = state;
      const sameText = current?.definition === definition && isDeepStrictEqual(current.files ?? {}, files);
      const belongs = besides(command, current, sameText);
      if (sameText && isDeepStrictEqual(besides(current, null, false), belongs)) return [];
      if (state.current && create)
        return reject(
          'pipeline_exists',
          `the pipeline ${pipeline_id} exists: change it with PUT /api/pipelines/${pipeline_id}`,
        );
      const defined: PipelineEvent = {
        type: 'PipelineDefined',
        data: {
          pipeline_id,
          version: state.version + 1,
          definition,
          ...(Object.keys(files).length > 0 && { files }),
          ...belongs,
          at: now,
        },
      };
      if (Buffer.byteLength(JSON.stringify(defined)) > MAX_EVENT_BYTES)
        return reject(
          'pipeline_too_large',
          `the definition and its files together have more than ${MAX_EVENT_BYTES} bytes`,
          'invalid',
        );
      return [defined];
    }
    case 'DeletePipeline':
      if (!state.current) return reject('pipeline_not_found', 'there is no such pipeline', 'not_found');
      return [{ type: 'PipelineDeleted', data: { at: command.now } }];
  }
}

type Besides = Pick<PipelineVersion, 'repository' | 'clone_url' | 'signature'>;

/** What belongs to a version beside its text. */
function besides(wanted: Besides, before: Besides | null, sameText: boolean): Besides {
  const repository = wanted.repository ?? before?.repository;
  const clone_url = wanted.clone_url ?? before?.clone_url;
  const signature = wanted.signature ?? (sameText ? before?.signature : undefined);
  return {
    ...(repository !== undefined && { repository }),
    ...(clone_url !== undefined && { clone_url }),
    ...(signature !== undefined && { signature }),
  };
}

function evolve(state: PipelineState, event: PipelineEvent): PipelineState {
  switch (event.type) {
    case 'PipelineDefined':
      return {
        current: event.data,
        created_at: state.current ? state.created_at : event.data.at,
        version: event.data.version,
      };
    case 'PipelineDeleted':
      return { ...state, current: null };
  }
}
