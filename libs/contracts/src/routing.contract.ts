/**
 * What brings the outside in: relays, the customers' queues (connections), deliveries and what was decided about them.
 * Owner: the routing service. Times are RFC 3339 UTC.
 */
import type { Delivery } from './delivery.js';
import { OneOf, Text, Whole } from './fields.js';
import { NET_ZERO_MAX } from './limits.js';
import { ListQuery } from './paging.contract.js';
import { request, type Page } from './request.js';

/** Seconds between two heartbeats of a relay. */
export const RELAY_HEARTBEAT_SECONDS = 15;

/** OFFLINE: no heartbeat for three times that. DEGRADED: it spools, as the queue refuses it or is away. */
export const RELAY_STATUSES = ['HEALTHY', 'DEGRADED', 'OFFLINE', 'REMOVED'] as const;
export type RelayStatus = (typeof RELAY_STATUSES)[number];

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;

export class RegisterRelay {
  @Text('metadata', { max: 100, pattern: NAME, description: 'for people; need not be unique' })
  name!: string;

  @Text('metadata', {
    max: 100,
    pattern: NAME,
    description: 'the connection on whose queue it puts deliveries',
  })
  connection!: string;

  @Text('digest', {
    max: 43,
    min: 43,
    pattern: /^[A-Za-z0-9_-]{43}$/,
    description: 'Ed25519, base64url: what it signs deliveries with',
  })
  public_key!: string;

  @Text('metadata', { optional: true, max: 50 })
  version?: string;

  @Text('reference', {
    optional: true,
    max: 500,
    description: 'where it puts deliveries, for people: a reference, no credential',
  })
  queue_reference?: string;

  @Text('reference', {
    optional: true,
    max: 500,
    description: 'where its secrets are, for people: a reference, never a value',
  })
  vault_reference?: string;
}

export interface RegisterRelayCommand extends RegisterRelay {
  relay_id: string;
  /** Of its API key; the key itself is kept nowhere. */
  key_sha256: string;
  joined_by: { kind: 'installation' | 'user' | 'key' | 'join-token' | 'rule'; id: string };
}

/** The only time that the key is shown. */
export interface RegisteredRelay {
  relay_id: string;
  /** `hyr_…`, in the shape of all secret tokens. */
  api_key: string;
  connection: string;
  /** Seconds. */
  next_check_interval: number;
}

export class RelayHeartbeat {
  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER, description: 'webhooks since it started' })
  received!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER, description: 'not signed, or wrongly' })
  refused!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  duplicates!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER, description: 'put on the queue' })
  sent!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER, description: 'waiting on its disk' })
  spooled!: number;

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER, description: 'how long the oldest of them waits' })
  lag_seconds!: number;

  @OneOf(['up', 'down'])
  queue!: 'up' | 'down';

  @Whole({ min: 0, max: Number.MAX_SAFE_INTEGER })
  uptime_seconds!: number;
}

export interface RelayView {
  relay_id: string;
  name: string;
  connection: string;
  status: RelayStatus;
  status_reason: string | null;
  version: string | null;
  queue_reference: string | null;
  vault_reference: string | null;
  /** base64url of the SHA-256 of its public key. */
  key_thumbprint: string;
  registered_at: string;
  last_heartbeat: string | null;
  received: number;
  refused: number;
  duplicates: number;
  sent: number;
  spooled: number;
  lag_seconds: number | null;
}

export class ListRelays extends ListQuery {
  @OneOf(RELAY_STATUSES, { optional: true })
  status?: RelayStatus;

  @Text('metadata', { optional: true, max: 100 })
  connection?: string;
}

export class PutConnection {
  @Text('configuration', {
    max: NET_ZERO_MAX,
    description: 'YAML of the net-zero configuration, without its section `relay`',
  })
  configuration!: string;
}

export class PauseConnection {
  @Text('configuration', { max: 500, example: 'the queue is being moved' })
  reason!: string;
}

/** CONNECTED: its queue is polled. REFUSED: see `message`. PAUSED: somebody wants it. */
export const CONNECTION_STATUSES = ['CHECKING', 'CONNECTED', 'REFUSED', 'UNREACHABLE', 'PAUSED'] as const;
export type ConnectionStatus = (typeof CONNECTION_STATUSES)[number];

export interface ConnectionView {
  connection: string;
  /** Counts from 1, with each changed configuration. */
  version: number;
  environment: string;
  queue_kind: string;
  /** For people: names and addresses of the queue. */
  queue_reference: string;
  status: ConnectionStatus;
  /** What is wrong, and what to grant or take away. */
  message: string | null;
  /** What the queue's owner enters as external id where AWS roles are used. */
  external_id: string;
  /** As the queue tells; null where it does not. */
  backlog: { messages: number | null; oldest_seconds: number | null } | null;
  /** The configuration as it holds, in JSON. */
  configuration: Record<string, unknown>;
  created_at: string;
  updated_at: string;
}

/** ROUTED: decided. REFUSED: no registered relay signed it, or it is not what a relay makes; it is on the side queue. */
export type DeliveryStatus = 'ROUTED' | 'SENT' | 'FAILED' | 'REFUSED';

export interface DeliveryView {
  delivery_id: string;
  connection: string;
  /** Which version of its configuration decided. */
  connection_version: number;
  status: DeliveryStatus;
  delivery: Delivery | null;
  decisions: RouteDecision[];
  /** REFUSED: why. */
  message: string | null;
  /** From the relay's receipt to the decision. */
  seconds: number | null;
  at: string;
}

/** What one rule made of a delivery, and what became of it. */
export interface RouteDecision {
  /** Null: none fits, and the default holds. */
  rule: string | null;
  do: 'ignore' | 'triggers' | 'run' | 'send';
  /** Why the rule fits: `branch main fits "main", repository acme/web fits "acme/*"`. */
  because: string;
  runs: { pipeline: string; run_id: string }[];
  /** Why nothing runs, or not all. */
  message: string | null;
}

export class ListDeliveries extends ListQuery {
  @Text('metadata', { optional: true, max: 100 })
  connection?: string;

  @Text('metadata', { optional: true, max: 500 })
  repository?: string;

  @OneOf(['ROUTED', 'SENT', 'FAILED', 'REFUSED'], { optional: true })
  status?: DeliveryStatus;
}

export interface RelayAccess {
  org: string;
  relay_id: string;
}

export const routingRequests = {
  /** The same registration again answers the same; another one with that id is refused (`idempotency_key_reused`). */
  registerRelay: request<RegisterRelayCommand, RelayView>('cmd.routing.relay.register'),
  heartbeat: request<
    RelayHeartbeat & { relay_id: string },
    { status: RelayStatus; next_check_interval: number }
  >('cmd.routing.relay.heartbeat'),
  /** Its key is worth nothing from then on, and what it signed later is refused. */
  removeRelay: request<{ relay_id: string }, RelayView>('cmd.routing.relay.remove'),
  relays: request<ListRelays, Page<RelayView>>('qry.routing.relay.list'),
  relay: request<{ relay_id: string }, RelayView>('qry.routing.relay.get'),
  /** Of whichever organisation; refused with `relay_unknown` where the digest is not that of its key, or it is removed. */
  relayAccess: request<{ relay_id: string; sha256: string }, RelayAccess>('qry.routing.relay.access'),
  /** `external_id`: what a new connection gets; one that is there keeps its own. */
  putConnection: request<PutConnection & { connection: string; external_id: string }, ConnectionView>(
    'cmd.routing.connection.put',
  ),
  pauseConnection: request<{ connection: string; reason: string }, ConnectionView>(
    'cmd.routing.connection.pause',
  ),
  resumeConnection: request<{ connection: string }, ConnectionView>('cmd.routing.connection.resume'),
  deleteConnection: request<{ connection: string }, ConnectionView>('cmd.routing.connection.delete'),
  /** Looks at the queue anew. */
  verifyConnection: request<{ connection: string }, ConnectionView>('cmd.routing.connection.verify', 30_000),
  connection: request<{ connection: string }, ConnectionView>('qry.routing.connection.get'),
  connections: request<ListQuery, Page<ConnectionView>>('qry.routing.connection.list'),
  deliveries: request<ListDeliveries, Page<DeliveryView>>('qry.routing.delivery.list'),
  delivery: request<{ delivery_id: string }, DeliveryView>('qry.routing.delivery.get'),
};
