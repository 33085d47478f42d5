/** The relays' commands and queries. */
import {
  ACCESS_CHANGED_SUBJECT,
  problem,
  RELAY_HEARTBEAT_SECONDS,
  type AccessChanged,
  type CallContext,
  type ListRelays,
  type Page,
  type RegisterRelayCommand,
  type RelayAccess,
  type RelayHeartbeat,
  type RelayStatus,
  type RelayView,
} from '@hybrid/contracts';
import { listPage, Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { timingSafeEqual } from 'node:crypto';
import { Heartbeats } from './heartbeats.js';
import { relayList } from './relay-list.projection.js';
import { relayDecider, type RelayCommand, type RelayState } from './relay.decider.js';
import type { RelayEvent, RelayRegistered } from './relay.events.js';
import { relayStatus, relayView, type LastHeartbeat } from './relay.view.js';

interface RelayRow extends LastHeartbeat {
  id: string;
  created_at: Date;
  state: RelayState;
}

@Injectable()
export class Relays implements OnModuleInit {
  private readonly things: Things<RelayState, RelayCommand, RelayEvent>;

  constructor(
    private readonly connections: Connections,
    private readonly heartbeats: Heartbeats,
  ) {
    this.things = new Things(connections.eventStore, 'relay', relayDecider);
  }

  async onModuleInit(): Promise<void> {
    await this.connections.project(relayList);
    await this.heartbeats.prepare();
  }

  async register(request: RegisterRelayCommand, call: CallContext): Promise<RelayView> {
    return relayView(
      await this.handle(request.relay_id, { type: 'RegisterRelay', request, now: now() }, call),
    );
  }

  async heartbeat(
    relayId: string,
    heartbeat: RelayHeartbeat,
    call: CallContext,
  ): Promise<{ status: RelayStatus; next_check_interval: number }> {
    const state = await this.handle(relayId, { type: 'RecordHeartbeat', load: heartbeat, now: now() }, call);
    await this.heartbeats.note(relayId, call.org, heartbeat);
    return { status: relayStatus(state), next_check_interval: RELAY_HEARTBEAT_SECONDS };
  }

  async remove(relayId: string, call: CallContext): Promise<RelayView> {
    const state = await this.handle(relayId, { type: 'RemoveRelay', now: now() }, call);
    const changed: AccessChanged = { subject: `relay:${relayId}` };
    this.connections.nats.publish(ACCESS_CHANGED_SUBJECT, JSON.stringify(changed));
    return relayView(state, await this.heartbeats.last(relayId, call.org));
  }

  /** Silence became news: said once. @throws ProblemError `relay_not_found`. */
  async recordSilence(relayId: string, seconds: number, call: CallContext): Promise<void> {
    await this.handle(relayId, { type: 'RecordSilence', seconds, now: now() }, call);
  }

  /** As its stream tells it. @throws ProblemError `relay_unknown`, the same whatever is wrong. */
  async access(relayId: string, sha256: string): Promise<RelayAccess> {
    const { state, org } = await this.things.find(relayId);
    const { relay, removed } = state;
    if (!relay || org === null || removed || !sameDigest(relay.key_sha256, sha256))
      throw problem(
        'unauthenticated',
        'relay_unknown',
        'this relay is not known here, or not any more: register it again',
      );
    return { org, relay_id: relayId };
  }

  /** As its stream tells it; null: the organisation has none of that id for this connection, or not any more. */
  async registered(relayId: string, org: string, connection: string): Promise<RelayRegistered | null> {
    const { relay, removed } = (await this.things.load(relayId, org)).state;
    return relay && !removed && relay.connection === connection ? relay : null;
  }

  async get(relayId: string, call: CallContext): Promise<RelayView> {
    const [{ state }, heartbeat] = await Promise.all([
      this.things.load(relayId, call.org),
      this.heartbeats.last(relayId, call.org),
    ]);
    return relayView(state, heartbeat);
  }

  /** Removed ones are listed where they are asked for by their status. */
  list(query: ListRelays, call: CallContext): Promise<Page<RelayView>> {
    const { status, connection } = query;
    return listPage<RelayRow, RelayView>({
      from: this.connections.readModel(relayList),
      table: 'routing.relays left join routing.heartbeats using (id, org)',
      call,
      query,
      where: { status, connection, removed: status === 'REMOVED' ? 'yes' : 'no' },
      view: (row) => relayView(row.state, row),
    });
  }

  private async handle(id: string, command: RelayCommand, call: CallContext): Promise<RelayState> {
    return (await this.things.handle(id, command, call)).state;
  }
}

/** Both are SHA-256 in hex. */
function sameDigest(known: string, given: string): boolean {
  const [one, other] = [known, given].map((hex) => Buffer.from(hex, 'hex')) as [Buffer, Buffer];
  return one.length === other.length && timingSafeEqual(one, other);
}

function now(): string {
  return new Date().toISOString();
}
