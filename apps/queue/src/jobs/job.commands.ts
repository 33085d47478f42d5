/** What can be asked of a job. `now`: RFC 3339 UTC, milliseconds. */
import type { ArtifactRef, LogReference, StepReport, EnqueueJobCommand, Priority } from '@hybrid/contracts';
import type { Slot } from '../groups/slot.js';
import type { ClaimDecision } from './job.events.js';

export type JobCommand =
  | EnqueueJob
  | ClaimJob
  | ({ type: 'StartJob' } & OfAttempt)
  | ({ type: 'ReportProgress'; percent?: number; message?: string } & OfAttempt)
  | CompleteJob
  | ({ type: 'ReleaseJob'; reason: string } & OfAttempt)
  | CloseJob
  | TimeOutAttempt
  | { type: 'TimeOutInQueue'; now: string }
  /** @param reason what is known of the agent beside its silence. */
  | { type: 'ExpireLease'; attempt: number; reason?: string; now: string }
  | { type: 'SetPriority'; priority: Priority; now: string }
  | { type: 'CancelJob'; reason: string; now: string }
  | { type: 'RequeueJob'; now: string }
  /** Fences the claim that the place was for, so that another job can have it. */
  | { type: 'RevokeSlot'; group: string; slot: Slot; now: string };

export interface EnqueueJob {
  type: 'EnqueueJob';
  request: EnqueueJobCommand;
  digest: string;
  now: string;
}

export interface ClaimJob {
  type: 'ClaimJob';
  agent_id: string;
  lease_token: string;
  lease_expires_at: string;
  decision: ClaimDecision;
  /** The place that was taken for this claim; null for a job without a concurrency group. */
  slot: Slot | null;
  now: string;
}

/** Of an attempt's agent, which proves with the lease token that it is the one. */
export interface OfAttempt {
  attempt: number;
  lease_token: string;
  agent_id: string;
  now: string;
}

export interface CompleteJob extends OfAttempt {
  type: 'CompleteJob';
  exit_code: number;
  error_message?: string;
  outputs?: Record<string, string>;
  artifacts?: ArtifactRef[];
  report?: StepReport;
  log?: LogReference;
  /** From 0 up to 1: by it the pause before the next attempt is shortened within its jitter. */
  chance: number;
}

/** By a person. */
export interface CloseJob {
  type: 'CloseJob';
  exit_code: number;
  error_message?: string;
  now: string;
}

/** `seconds`: its limit, for people. `chance` as in CompleteJob. */
export interface TimeOutAttempt {
  type: 'TimeOutAttempt';
  attempt: number;
  seconds: number;
  chance: number;
  now: string;
}
