/** Binds concurrency groups to their streams, and carries out what follows for their runs. */
import { ProblemError, type CallContext } from '@hybrid/contracts';
import { Snapshots, Things } from '@hybrid/event-store';
import { hasEnded, type Run } from '@hybrid/pipeline';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { v5 as uuidv5 } from 'uuid';
import { Runs } from '../runs/runs.js';
import {
  dutiesOf,
  RUN_GROUP_FOLD,
  runGroupDecider,
  type RunGroupCommand,
  type RunGroupState,
} from './run-group.decider.js';
import { runGroupEvents, type RunGroupEvent } from './run-group.events.js';

/** Fixed forever: streams are named by it. */
const GROUPS = '5e0d54c8-7d43-4c0c-9a43-7c1d7f2f9d10';

@Injectable()
export class RunGroups {
  private readonly things: Things<RunGroupState, RunGroupCommand, RunGroupEvent>;

  constructor(
    { eventStore, pool }: Connections,
    private readonly runs: Runs,
  ) {
    const snapshots = new Snapshots(pool, 'pipelines', RUN_GROUP_FOLD, runGroupEvents);
    this.things = new Things(eventStore, 'runGroup', runGroupDecider, snapshots);
  }

  /** A run waits. Whatever was done about it before is found done. */
  async enter(runId: string, call: CallContext): Promise<void> {
    const run = await this.runs.load(runId, call.org);
    if (run?.status !== 'WAITING' || run.held) return;
    const { group, started_at, definition } = run;
    const { cancel_in_progress = false } = definition.concurrency ?? {};
    await this.handle(
      { type: 'EnterGroup', group: group!, run_id: runId, started_at, cancel_in_progress, now: now() },
      group!,
      call,
    );
    // Its end may have been heard of before it entered, so that nobody would let it leave again.
    const after = await this.runs.load(runId, call.org);
    if (after && hasEnded(after)) await this.leave(after, call);
  }

  /** A run has ended. */
  async leave({ run_id, group }: Run, call: CallContext): Promise<void> {
    if (group !== null) await this.handle({ type: 'LeaveGroup', run_id, now: now() }, group, call);
  }

  private async handle(command: RunGroupCommand, group: string, call: CallContext): Promise<void> {
    const { state } = await this.things.handle(groupId(call.org, group), command, call);
    const { release, cancel } = dutiesOf(state);
    for (const { run_id, reason } of cancel) await this.cancel(run_id, reason, call);
    if (release !== null) await this.runs.release(release, call);
  }

  private async cancel(runId: string, reason: string, call: CallContext): Promise<void> {
    try {
      await this.runs.cancelOnce(runId, reason, call);
    } catch (error) {
      // It will leave the group by itself.
      if (!(error instanceof ProblemError && error.problem.code === 'run_finished')) throw error;
    }
  }
}

/** Of stream `runGroup-<id>`. */
function groupId(org: string, group: string): string {
  return uuidv5(`${org}\n${group}`, GROUPS);
}

function now(): string {
  return new Date().toISOString();
}
