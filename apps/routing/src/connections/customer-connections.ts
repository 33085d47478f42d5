/** The connections' commands and queries. */
import {
  problem,
  type CallContext,
  type ConnectionView,
  type ListQuery,
  type Page,
  type PutConnection,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { readNetZero } from '@hybrid/net-zero';
import { Connections as Servers } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { v5 as uuidV5 } from 'uuid';
import { RoutingSettings } from '../routing.settings.js';
import { Backlogs } from './backlogs.js';
import { connectionList } from './connection-list.projection.js';
import { connectionDecider, type ConnectionCommand, type ConnectionState } from './connection.decider.js';
import type { AccessFound, ConnectionEvent } from './connection.events.js';
import { connectionView } from './connection.view.js';
import { CustomerQueues } from './customer-queues.js';

/** Namespace of the ids that organisation and name turn into; never changed. */
const CONNECTION_NAMESPACE = '5d0b8f0e-6f52-4c0f-9a3e-7f9f1c9f2b64';

export function connectionId(org: string, connection: string): string {
  return uuidV5(JSON.stringify([org, connection]), CONNECTION_NAMESPACE);
}

type Put = PutConnection & { connection: string; external_id: string };

@Injectable()
export class CustomerConnections implements OnModuleInit {
  private readonly things: Things<ConnectionState, ConnectionCommand, ConnectionEvent>;
  /** The last new one of each organisation: two at once would each find room for one. Of replicas each may let one through. */
  private readonly making = new Map<string, Promise<unknown>>();

  constructor(
    private readonly servers: Servers,
    private readonly backlogs: Backlogs,
    private readonly queues: CustomerQueues,
    private readonly settings: RoutingSettings,
  ) {
    this.things = new Things(servers.eventStore, 'connection', connectionDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.servers.project(connectionList);
    await this.backlogs.prepare();
  }

  /**
   * @throws ProblemError `net_zero_invalid` with lines and columns, `connection_name_differs`, `queue_not_allowed`,
   * `connections_full`.
   */
  async put(
    { connection, configuration: text, external_id }: Put,
    call: CallContext,
  ): Promise<ConnectionView> {
    const read = readNetZero(text, { part: 'control-plane' });
    if ('errors' in read)
      throw problem('invalid', 'net_zero_invalid', 'the net-zero configuration has errors', read.errors);
    const { config: configuration } = read;
    if (configuration.name !== connection)
      throw problem(
        'invalid',
        'connection_name_differs',
        `the configuration is named ${configuration.name}, and is put as ${connection}: name it once`,
      );
    this.queues.check(configuration);
    const configure = () =>
      this.change(
        connection,
        { type: 'ConfigureConnection', connection, configuration, external_id, now: now() },
        call,
      );
    const { configured, deleted } = (await this.things.load(connectionId(call.org, connection), call.org))
      .state;
    return configured && !deleted ? configure() : this.oneMore(call.org, configure);
  }

  pause(connection: string, reason: string, call: CallContext): Promise<ConnectionView> {
    return this.change(connection, { type: 'PauseConnection', reason, now: now() }, call);
  }

  resume(connection: string, call: CallContext): Promise<ConnectionView> {
    return this.change(connection, { type: 'ResumeConnection', now: now() }, call);
  }

  delete(connection: string, call: CallContext): Promise<ConnectionView> {
    return this.change(connection, { type: 'DeleteConnection', now: now() }, call);
  }

  /** Looks at the queue now. @throws ProblemError `connection_not_found`. */
  async verify(connection: string, call: CallContext): Promise<ConnectionView> {
    const { configured, deleted } = (await this.things.load(connectionId(call.org, connection), call.org))
      .state;
    if (!configured || deleted) throw connectionNotFound();
    call.takesTime?.();
    const found = await this.queues.look(configured, call.org);
    const command = { type: 'RecordAccess', version: configured.version, found, now: now() } as const;
    return this.change(connection, command, call);
  }

  /** Of the configuration with this version; told where it is news. */
  async recordAccess(id: string, version: number, found: AccessFound, call: CallContext): Promise<void> {
    await this.things.handle(id, { type: 'RecordAccess', version, found, now: now() }, call);
  }

  /** @throws ProblemError `connection_not_found`, also of one that was deleted. */
  async get(connection: string, call: CallContext): Promise<ConnectionView> {
    const id = connectionId(call.org, connection);
    const { state } = await this.things.load(id, call.org);
    if (state.deleted) throw connectionNotFound();
    return connectionView(state, (await this.backlogs.of([id])).get(id));
  }

  async list(query: ListQuery, call: CallContext): Promise<Page<ConnectionView>> {
    const page = await listPage<{ id: string; created_at: Date; state: ConnectionState }, OpenRow>({
      from: this.servers.readModel(connectionList),
      table: 'routing.connections',
      call,
      query,
      where: { deleted: 'no' },
      view: (row) => row,
    });
    const backlogs = await this.backlogs.of(page.items.map(({ id }) => id));
    return { ...page, items: page.items.map(({ id, state }) => connectionView(state, backlogs.get(id))) };
  }

  /** Those of all organisations but the deleted ones: ids, and how far each is; a moment behind. */
  async revisions(): Promise<Map<string, string>> {
    const { rows } = await this.servers.pool.query<{ id: string; revision: string }>(
      `select id, revision from routing.connections where deleted = 'no'`,
    );
    return new Map(rows.map(({ id, revision }) => [id, revision]));
  }

  /** Whether messages may be decided by the configuration with this version; as its stream tells it. */
  async holds(id: string, version: number): Promise<boolean> {
    const { configured, paused, deleted } = (await this.things.find(id)).state;
    return configured?.version === version && paused === null && !deleted;
  }

  /** As its stream tells it. */
  async open(id: string): Promise<{ org: string | null; state: ConnectionState }> {
    return this.things.find(id);
  }

  private async oneMore<T>(org: string, make: () => Promise<T>): Promise<T> {
    const before = this.making.get(org) ?? Promise.resolve();
    const made = before
      .catch(() => undefined)
      .then(() => this.checkRoom(org))
      .then(make);
    this.making.set(org, made);
    try {
      return await made;
    } finally {
      if (this.making.get(org) === made) this.making.delete(org);
    }
  }

  private async checkRoom(org: string): Promise<void> {
    await this.servers.readModel(connectionList).reachHead();
    const { rows } = await this.servers.pool.query<{ had: number }>(
      `select count(*)::int as had from routing.connections where org = $1 and deleted = 'no'`,
      [org],
    );
    const { HYBRID_MAX_CONNECTIONS: limit } = this.settings;
    if (rows[0]!.had >= limit)
      throw problem(
        'conflict',
        'connections_full',
        `the organisation has ${rows[0]!.had} connections, limit ${limit}: delete one, or have the operator raise HYBRID_MAX_CONNECTIONS of the routing service`,
      );
  }

  private async change(
    connection: string,
    command: ConnectionCommand,
    call: CallContext,
  ): Promise<ConnectionView> {
    const id = connectionId(call.org, connection);
    const { state } = await this.things.handle(id, command, call);
    return connectionView(state, (await this.backlogs.of([id])).get(id));
  }
}

interface OpenRow {
  id: string;
  state: ConnectionState;
}

function connectionNotFound() {
  return problem('not_found', 'connection_not_found', 'there is no such connection');
}

function now(): string {
  return new Date().toISOString();
}
