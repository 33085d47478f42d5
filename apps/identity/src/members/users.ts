/** People of an organisation: sign-in, roles, removal, and what they may do. */
import {
  problem,
  type CallContext,
  type Grant,
  type ListQuery,
  type Page,
  type UserAccess,
  type UserView,
  type VouchedUser,
} from '@hybrid/contracts';
import { Injectable } from '@nestjs/common';
import { lookUp } from './book.js';
import { checkSecret, type InvitationSecret } from './invitation.view.js';
import { Members } from './members.js';
import { NOT_A_MEMBER, type Member, type MembersState } from './members.decider.js';
import { PeopleQueries } from './people.queries.js';
import { userId } from './user-id.js';

@Injectable()
export class Users {
  constructor(
    private readonly members: Members,
    private readonly people: PeopleQueries,
  ) {}

  /** @throws ProblemError `not_a_member`, `invitation_invalid`. */
  async signIn(
    vouched: VouchedUser,
    invitation: InvitationSecret | undefined,
    call: CallContext,
  ): Promise<UserAccess> {
    // A digest never changes, so that it is right also of a state that is old by the time of the append.
    if (invitation) checkSecret(await this.members.load(call.org), invitation);
    const { provider, issuer, subject, name, email } = vouched;
    const user_id = userId(vouched);
    const state = await this.members.handle(
      {
        type: 'SignIn',
        user_id,
        user: { provider, issuer, subject, name, email },
        invitation_id: invitation?.invitation_id ?? null,
        now: now(),
      },
      // The gateway asks for somebody whom it did not know; now it is known who comes in.
      { ...call, actor: { type: 'user', id: user_id } },
    );
    return accessOf(user_id, state);
  }

  /** Of the person, whatever the call's organisation is; strongly consistent, also right after joining one. */
  async memberships(who: Pick<VouchedUser, 'issuer' | 'subject'>): Promise<{ organisations: string[] }> {
    return { organisations: await this.people.organisationsOf(userId(who)) };
  }

  /** @throws ProblemError `not_a_member`. */
  async access(user_id: string, call: CallContext): Promise<UserAccess> {
    return accessOf(user_id, await this.members.load(call.org));
  }

  async list(query: ListQuery, call: CallContext): Promise<Page<UserView>> {
    const { items, ...page } = await this.people.members(query, call);
    const { members } = await this.members.load(call.org);
    return {
      ...page,
      items: items.flatMap(({ user_id, last_sign_in_at }) => {
        // Removed since the list was made: it is behind.
        const member = lookUp(members, user_id);
        return member ? userView(user_id, member, last_sign_in_at) : [];
      }),
    };
  }

  /** @throws ProblemError `user_not_found`. */
  async get(user_id: string, call: CallContext): Promise<UserView> {
    return this.view(user_id, await this.members.load(call.org), call);
  }

  /** @throws ProblemError `user_not_found`, `last_admin`, `roles_missing`, `roles_ambiguous`. */
  async setRoles(user_id: string, roles: Grant[], call: CallContext): Promise<UserView> {
    const state = await this.members.handle({ type: 'SetRoles', user_id, roles, now: now() }, call);
    return this.view(user_id, state, call);
  }

  /** As they were. @throws ProblemError `user_not_found`, `last_admin`. */
  async remove(user_id: string, call: CallContext): Promise<UserView> {
    const before = await this.get(user_id, call);
    await this.members.handle({ type: 'RemoveMember', user_id, now: now() }, call);
    return before;
  }

  private async view(user_id: string, { members }: MembersState, { org }: CallContext): Promise<UserView> {
    const member = lookUp(members, user_id);
    if (!member) throw problem('not_found', 'user_not_found', 'there is no such user in this organisation');
    return userView(user_id, member, await this.people.lastSignIn(org, user_id));
  }
}

function userView(user_id: string, { user, roles, joined_at }: Member, lastSignIn: Date | null): UserView {
  const { name, email, provider } = user;
  return {
    user_id,
    name,
    email,
    provider,
    roles,
    joined_at,
    last_sign_in_at: lastSignIn?.toISOString() ?? null,
  };
}

function accessOf(user_id: string, { members }: MembersState): UserAccess {
  const member = lookUp(members, user_id);
  if (!member) throw problem('forbidden', 'not_a_member', NOT_A_MEMBER);
  return { user_id, name: member.user.name, roles: member.roles };
}

function now(): string {
  return new Date().toISOString();
}
