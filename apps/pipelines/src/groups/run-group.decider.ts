/**
 * The runs of an organisation that name the same concurrency group: one at work, one that waits.
 *
 *   EnterGroup ──free──► at work ──────────────────────────LeaveGroup──► (gone)
 *       │                   ▲ the run before has left
 *       ├──► waits ─────────┘
 *       │      └──a newer one waits──► superseded ─────────LeaveGroup──► (gone)
 *       └──older than the one that waits──► superseded
 *
 * What has to be done about a run follows from the state (`dutiesOf`), not from the event that led to it: whoever finds
 * it may do it, as often as it likes.
 */
import type { Decider } from '@hybrid/decider';
import { runGroupEvents, type RunGroupEvent } from './run-group.events.js';

export interface RunGroupState {
  /** Empty until the first run came. */
  group: string;
  at_work: string | null;
  waits: { run_id: string; started_at: string; cancel_in_progress: boolean } | null;
  /** Until they have ended. */
  superseded: { run_id: string; by: string }[];
}

export type RunGroupCommand =
  | {
      type: 'EnterGroup';
      group: string;
      run_id: string;
      started_at: string;
      cancel_in_progress: boolean;
      now: string;
    }
  | { type: 'LeaveGroup'; run_id: string; now: string };

export interface GroupDuties {
  /** It may begin. */
  release: string | null;
  cancel: { run_id: string; reason: string }[];
}

/** Of `evolve` and RunGroupState; raise it when they change, so that snapshots of before are not used. */
export const RUN_GROUP_FOLD = 1;

export const runGroupDecider: Decider<RunGroupState, RunGroupCommand, RunGroupEvent> = {
  initial: { group: '', at_work: null, waits: null, superseded: [] },
  events: runGroupEvents,
  decide,
  evolve,
};

function decide(command: RunGroupCommand, state: RunGroupState): RunGroupEvent[] {
  const { run_id, now: at } = command;
  const { at_work, waits, superseded } = state;
  const here = [at_work, waits?.run_id, ...superseded.map((one) => one.run_id)].includes(run_id);
  switch (command.type) {
    case 'EnterGroup': {
      const { group, started_at, cancel_in_progress } = command;
      if (here) return [];
      if (at_work === null) return [{ type: 'RunAdmitted', data: { group, run_id, at } }];
      const heldBack: RunGroupEvent = {
        type: 'RunHeldBack',
        data: { group, run_id, started_at, cancel_in_progress, at },
      };
      if (!waits) return [heldBack];
      if (isNewer(waits, command))
        return [{ type: 'RunSuperseded', data: { group, run_id, by: waits.run_id, at } }];
      return [{ type: 'RunSuperseded', data: { group, run_id: waits.run_id, by: run_id, at } }, heldBack];
    }
    case 'LeaveGroup':
      return here ? [{ type: 'RunLeft', data: { run_id, at } }] : [];
  }
}

function evolve(state: RunGroupState, event: RunGroupEvent): RunGroupState {
  const { at_work, waits, superseded } = state;
  const { run_id } = event.data;
  // The beginning is missing: see Decider.
  if (state.group === '' && event.type !== 'RunAdmitted') return state;
  switch (event.type) {
    case 'RunAdmitted':
      return { ...state, group: event.data.group, at_work: run_id };
    case 'RunHeldBack': {
      const { started_at, cancel_in_progress } = event.data;
      return { ...state, waits: { run_id, started_at, cancel_in_progress } };
    }
    case 'RunSuperseded':
      return {
        ...state,
        waits: waits?.run_id === run_id ? null : waits,
        superseded: [...superseded, { run_id, by: event.data.by }],
      };
    case 'RunLeft': {
      const others = superseded.filter((one) => one.run_id !== run_id);
      if (at_work === run_id)
        return { ...state, at_work: waits?.run_id ?? null, waits: null, superseded: others };
      return { ...state, waits: waits?.run_id === run_id ? null : waits, superseded: others };
    }
  }
}

export function dutiesOf({ group, at_work, waits, superseded }: RunGroupState): GroupDuties {
  const cancel = superseded.map(({ run_id, by }) => ({
    run_id,
    reason: `run ${by} is newer and waits for the concurrency group \`${group}\` in its place`,
  }));
  if (at_work !== null && waits?.cancel_in_progress)
    cancel.push({
      run_id: at_work,
      reason: `run ${waits.run_id} of the concurrency group \`${group}\` takes its place`,
    });
  return { release: at_work, cancel };
}

/** Of two that started at the same time the ids decide: for every replica in the same way. */
function isNewer(one: { run_id: string; started_at: string }, other: { run_id: string; started_at: string }) {
  const [a, b] = [Date.parse(one.started_at), Date.parse(other.started_at)];
  return a === b ? one.run_id > other.run_id : a > b;
}
