/** The people and invitations of each organisation, as its stream tells them: strongly consistent. */
import type { CallContext } from '@hybrid/contracts';
import { Snapshots, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { accessChanged } from '../access-changed.js';
import { memberEvents, type MemberEvent } from './member.events.js';
import { membersDecider, type MembersCommand, type MembersState } from './members.decider.js';

/** Raised when the fold or the state of members.decider.ts changes: see its golden spec. */
const FOLD_VERSION = 1;

@Injectable()
export class Members {
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
    const { state, events } = await this.things.handle(call.org, command, call);
    for (const { type, data } of events)
      if (type === 'MemberJoined' || type === 'MemberRolesChanged' || type === 'MemberRemoved')
        accessChanged(this.connections, `user:${call.org}/${data.user_id}`, call);
    return state;
  }
}
