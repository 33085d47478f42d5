/**
 * `identity.members` and `identity.invitations`: in which organisation somebody or an invitation is to be looked for, and
 * in which order they are listed. What they are stands in their organisation's stream alone: nobody's name is here.
 */
import { foldVersion, understood, type Projection, type StoredEvent } from '@hybrid/event-store';
import type { PoolClient } from 'pg';
import { sessionEvents, type SessionEvent } from '../sessions/session.decider.js';
import { memberEvents, type MemberEvent } from './member.events.js';

const events = { today: { ...memberEvents.today, ...sessionEvents.today } };

export const people: Projection = {
  schema: 'identity',
  name: 'people',
  version: foldVersion(1, events),
  prefixes: ['members-', 'session-'],
  tables: ['members', 'invitations'],
  create: `
    create table members
      (id text primary key, org text not null, user_id text not null, present text not null,
       created_at timestamptz not null, last_sign_in_at timestamptz);
    create index on members (org, created_at desc, id desc);
    create index on members (user_id);
    create table invitations (id text primary key, org text not null, created_at timestamptz not null);
    create index on invitations (org, created_at desc, id desc)`,
  async apply(connection, batch) {
    for (const stored of batch) {
      const known = understood<MemberEvent | SessionEvent>(events, stored);
      if (known) await fold(connection, known);
    }
  },
};

/** Each of them may come twice: what it sets does not depend on what is there, but for times, of which the latest stays. */
async function fold(
  connection: PoolClient,
  { event, metadata: { org } }: StoredEvent<MemberEvent | SessionEvent>,
): Promise<void> {
  switch (event.type) {
    case 'InvitationCreated': {
      const { invitation_id, at } = event.data;
      await connection.query(
        'insert into invitations (id, org, created_at) values ($1, $2, $3) on conflict do nothing',
        [invitation_id, org, at],
      );
      return;
    }
    case 'MemberJoined': {
      const { user_id, at } = event.data;
      await connection.query(
        `insert into members (id, org, user_id, present, created_at) values ($1, $2, $3, 'yes', $4)
         on conflict (id) do update set present = 'yes', created_at = excluded.created_at`,
        [memberRow(org, user_id), org, user_id, at],
      );
      return;
    }
    case 'MemberRemoved':
      await connection.query(`update members set present = 'no' where id = $1`, [
        memberRow(org, event.data.user_id),
      ]);
      return;
    case 'SessionStarted':
      await connection.query(
        'update members set last_sign_in_at = greatest(last_sign_in_at, $2) where id = $1',
        [memberRow(org, event.data.user_id), event.data.at],
      );
      return;
    case 'InvitationRevoked':
    case 'InvitationAccepted':
    case 'MemberProfileChanged':
    case 'MemberRolesChanged':
    case 'SessionEnded':
  }
}

export function memberRow(org: string, userId: string): string {
  return `${org}.${userId}`;
}
