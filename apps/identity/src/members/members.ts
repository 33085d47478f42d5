/** The people and invitations of each organisation, as its stream tells them: strongly consistent. */
import { ProblemError, type CallContext } from '@hybrid/contracts';
import { Snapshots, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { accessChanged } from '../access-changed.js';
import { memberEvents, type MemberEvent } from './member.events.js';
import { membersDecider, type MembersCommand, type MembersState } from './members.decider.js';
import { Turns } from './turns.js';

/** Raised when the fold or the state of members.decider.ts changes: see its golden spec. */
const FOLD_VERSION = 1;
/** Below the callers' five seconds. */
const RACE_FOR_MS = 2_000;
/** Of the order of an append. */
const LONGEST_PAUSE_MS = 20;

@Injectable()
export class Members {
  /** Many may be invited, or come, at the same moment to one stream: in one replica none loses to another. */
  private readonly turns = new Turns();
  private readonly things: Things<MembersState, MembersCommand, MemberEvent>;

  constructor(private readonly connections: Connections) {
    const snapshots = new Snapshots(connections.pool, 'identity', FOLD_VERSION, memberEvents);
    this.things = new Things(connections.eventStore, 'members', membersDecider, snapshots);
  }

  async load(org: string): Promise<MembersState> {
    return (await this.things.load(org, org)).state;
  }

  /** In the call's organisation; the gateways forget at once whom it concerns. Answers the state after it. */
  async handle(command: MembersCommand, call: CallContext): Promise<MembersState> {
    const { state, events } = await this.turns.take(call.org, () => this.handled(command, call));
    for (const { type, data } of events)
      if (type === 'MemberJoined' || type === 'MemberRolesChanged' || type === 'MemberRemoved')
        accessChanged(this.connections, `user:${call.org}/${data.user_id}`, call);
    return state;
  }

  /** Replicas still race for the stream, and may do so in step, the same one losing: the pause breaks it. */
  private async handled(command: MembersCommand, call: CallContext) {
    const end = performance.now() + RACE_FOR_MS;
    for (;;) {
      try {
        return await this.things.handle(call.org, command, call);
      } catch (error) {
        const lost = error instanceof ProblemError && error.problem.code === 'conflict';
        if (!lost || performance.now() > end) throw error;
      }
      await pause(Math.random() * LONGEST_PAUSE_MS);
    }
  }
}
