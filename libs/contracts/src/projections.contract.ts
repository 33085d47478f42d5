/** Operation of read models: what every service that keeps some answers. Owner: `libs/service`, for each service. */
import { request } from './request.js';

/**
 * LIVE: one replica projects. DEGRADED: it does, but some streams are parked. INACTIVE: nobody projects at the moment, as
 * for a second between two replicas.
 */
export const PROJECTION_STATUSES = ['LIVE', 'DEGRADED', 'INACTIVE'] as const;
export type ProjectionStatus = (typeof PROJECTION_STATUSES)[number];

/** INTERRUPTED: whoever rebuilt is gone; the live read model is as it was. */
export const REBUILD_STATUSES = ['RUNNING', 'DONE', 'FAILED', 'INTERRUPTED'] as const;
export type RebuildStatus = (typeof REBUILD_STATUSES)[number];

/** The last rebuild of a read model. */
export interface RebuildView {
  id: string;
  status: RebuildStatus;
  started_at: string;
  ended_at: string | null;
  /** Events folded so far. */
  events: number;
  /** How much of the log was looked at, 0 to 1. */
  progress: number;
  /** Of a failed one: why. */
  error: string | null;
}

/** Positions are decimal text: they may be larger than a number in JSON holds exactly. */
export interface ProjectionView {
  service: string;
  name: string;
  /** Of the tables and folds that are live. */
  version: number;
  status: ProjectionStatus;
  /** Checkpoint: everything up to here is in the rows, or parked. */
  position: string | null;
  /** Where the last event of the log stands, whoever's it is. Null, as is the lag, where the event store does not answer. */
  head: string | null;
  /** Its events that it has not handled yet; 1,000 means so many or more. */
  lag_events: number | null;
  /** Age of the oldest of them. */
  lag_seconds: number | null;
  /** Events that are parked, and with them their streams. */
  parked_events: number;
  /** Some of them, oldest first: what has to be mended. */
  parked: ParkedView[];
  rebuild: RebuildView | null;
}

/** A stream's first parked event. */
export interface ParkedView {
  stream: string;
  revision: number;
  event_id: string;
  /** What failed and where in the program; never the event's data. */
  reason: string;
  tries: number;
  first_at: string;
  last_at: string;
}

export interface ProjectionAddress {
  /** As the list of projections says it. */
  name: string;
}

export interface ReplayedProjection {
  /** Events that are no longer parked. */
  replayed_events: number;
  /** Events that are parked still, as a fold fails still. */
  parked_events: number;
}

export function projectionRequests(service: string) {
  return {
    /** From any replica: all state is in PostgreSQL. */
    list: request<Record<string, never>, { projections: ProjectionView[] }>(`qry.${service}.projection.list`),
    /**
     * Begins a rebuild beside the live read model, at the replica that answers; its progress is in the list.
     * Refused with `projection_unknown`, `rebuild_running`, or `projection_other_version` during a roll-out.
     */
    rebuild: request<ProjectionAddress, RebuildView>(`cmd.${service}.projection.rebuild`),
    /** Applies parked events again, in order; answers when that is done. */
    replay: request<ProjectionAddress, ReplayedProjection>(`cmd.${service}.projection.replay`, 60_000),
  };
}
