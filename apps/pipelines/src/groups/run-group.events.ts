/** The facts of stream `runGroup-<id>`. Stored for ever: a break is a new type, never a change. Times are RFC 3339 UTC. */
import type { EventTypes } from '@hybrid/decider';

/** The group was free: the run may begin. */
export interface RunAdmitted {
  type: 'RunAdmitted';
  data: { group: string; run_id: string; at: string };
}

/** Another run is at work; this one is the next. */
export interface RunHeldBack {
  type: 'RunHeldBack';
  data: {
    group: string;
    run_id: string;
    /** Of the run: the newest waits. */
    started_at: string;
    /** The run at work is cancelled for its sake. */
    cancel_in_progress: boolean;
    at: string;
  };
}

/** It will not begin: a newer one waits in its place. */
export interface RunSuperseded {
  type: 'RunSuperseded';
  data: { group: string; run_id: string; by: string; at: string };
}

/** It has ended, begun or not. Where it was at work, the run that waits may begin. */
export interface RunLeft {
  type: 'RunLeft';
  data: { run_id: string; at: string };
}

export type RunGroupEvent = RunAdmitted | RunHeldBack | RunSuperseded | RunLeft;

export const runGroupEvents: EventTypes<RunGroupEvent> = {
  today: { RunAdmitted: true, RunHeldBack: true, RunSuperseded: true, RunLeft: true },
};
