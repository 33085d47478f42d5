/** Who is where, from the read model; what they are there is asked of the organisation's stream. */
import type { CallContext, ListQuery, Page } from '@hybrid/contracts';
import { listPage, type ReadModel } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { memberRow, people } from './people.projection.js';

interface ListedMember {
  id: string;
  created_at: Date;
  user_id: string;
  last_sign_in_at: Date | null;
}

@Injectable()
export class PeopleQueries implements OnModuleInit {
  private readonly model: ReadModel;

  constructor(private readonly connections: Connections) {
    this.model = connections.readModel(people);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(people);
  }

  members(query: ListQuery, call: CallContext): Promise<Page<ListedMember>> {
    return listPage<ListedMember, ListedMember>({
      from: this.model,
      table: 'identity.members',
      call,
      query,
      where: { present: 'yes' },
      view: (row) => row,
    });
  }

  async invitations(query: ListQuery, call: CallContext): Promise<Page<string>> {
    return listPage<{ id: string; created_at: Date }, string>({
      from: this.model,
      table: 'identity.invitations',
      call,
      query,
      where: {},
      view: ({ id }) => id,
    });
  }

  /** Where the person belongs to, the last used one first. Strongly consistent. */
  async organisationsOf(userId: string): Promise<string[]> {
    await this.model.reachHead();
    const { rows } = await this.model.pool.query<{ org: string }>(
      `select org from identity.members where user_id = $1 and present = 'yes'
       order by last_sign_in_at desc nulls last, created_at desc, org`,
      [userId],
    );
    return rows.map(({ org }) => org);
  }

  /** Whose invitation it is; null where there is none. Strongly consistent: it never changes, so one that is known will do. */
  async organisationInviting(invitationId: string): Promise<string | null> {
    const find = () =>
      this.model.pool.query<{ org: string }>('select org from identity.invitations where id = $1', [
        invitationId,
      ]);
    let { rows } = await find();
    if (!rows[0]) {
      await this.model.reachHead();
      ({ rows } = await find());
    }
    return rows[0]?.org ?? null;
  }

  /** May be behind. */
  async lastSignIn(org: string, userId: string): Promise<Date | null> {
    const { rows } = await this.model.pool.query<{ last_sign_in_at: Date | null }>(
      'select last_sign_in_at from identity.members where id = $1',
      [memberRow(org, userId)],
    );
    return rows[0]?.last_sign_in_at ?? null;
  }
}
