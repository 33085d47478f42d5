import { problem, type RelayHeartbeat, type RelayStatus, type RelayView } from '@hybrid/contracts';
import { hash } from 'node:crypto';
import type { RelayState } from './relay.decider.js';

/** The last heartbeat as `routing.heartbeats` keeps it. */
export interface LastHeartbeat {
  seen_at: Date | null;
  metrics: RelayHeartbeat | null;
}

/** @throws ProblemError `relay_not_found`. */
export function relayView(state: RelayState, heartbeat?: LastHeartbeat): RelayView {
  const { relay, reason } = state;
  if (!relay) throw problem('not_found', 'relay_not_found', 'there is no such relay');
  const metrics = heartbeat?.metrics;
  return {
    relay_id: relay.relay_id,
    name: relay.name,
    connection: relay.connection,
    status: relayStatus(state),
    status_reason: reason,
    version: relay.version,
    queue_reference: relay.queue_reference,
    vault_reference: relay.vault_reference,
    key_thumbprint: hash('sha256', Buffer.from(relay.public_key, 'base64url'), 'base64url'),
    registered_at: relay.at,
    last_heartbeat: heartbeat?.seen_at?.toISOString() ?? null,
    received: metrics?.received ?? 0,
    refused: metrics?.refused ?? 0,
    duplicates: metrics?.duplicates ?? 0,
    sent: metrics?.sent ?? 0,
    spooled: metrics?.spooled ?? 0,
    lag_seconds: metrics?.lag_seconds ?? null,
  };
}

export function relayStatus({ health, removed }: RelayState): RelayStatus {
  return removed ? 'REMOVED' : health;
}
