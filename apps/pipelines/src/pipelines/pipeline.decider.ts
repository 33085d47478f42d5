/** A pipeline's definition: versions from 1 on; deleted, it starts again with the next version. */
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
  at: string;
}

export interface PipelineState {
  /** Null: there is no such pipeline. */
  current: PipelineVersion | null;
  created_at: string | null;
  /** Of the last version ever, deleted or not. */
  version: number;
}

export type PipelineCommand =
  | { type: 'DefinePipeline'; pipeline_id: string; definition: string; create: boolean; now: string }
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
      const { pipeline_id, definition, create, now } = command;
      if (state.current?.definition === definition) return [];
      if (state.current && create)
        return reject(
          'pipeline_exists',
          `the pipeline ${pipeline_id} exists: change it with PUT /api/pipelines/${pipeline_id}`,
        );
      return [
        { type: 'PipelineDefined', data: { pipeline_id, version: state.version + 1, definition, at: now } },
      ];
    }
    case 'DeletePipeline':
      if (!state.current) return reject('pipeline_not_found', 'there is no such pipeline', 'not_found');
      return [{ type: 'PipelineDeleted', data: { at: command.now } }];
  }
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
