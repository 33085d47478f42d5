/**
 * A relay, from registration to its end.
 *
 *   HEALTHY ──it spools──► DEGRADED ──silence──► OFFLINE; a heartbeat leads back.
 *   Removed: its key opens nothing, and what it signed is refused.
 *
 * Rejections: relay_not_found, relay_removed, idempotency_key_reused.
 */
import type { RegisterRelayCommand, RelayHeartbeat } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { relayEvents, type RelayEvent, type RelayHealth, type RelayRegistered } from './relay.events.js';

export interface RelayState {
  /** Null: there is no such relay. */
  relay: RelayRegistered | null;
  health: RelayHealth;
  /** Why it is not HEALTHY; null while it is. */
  reason: string | null;
  removed: boolean;
}

type Load = Pick<RelayHeartbeat, 'queue' | 'spooled' | 'lag_seconds'>;

export type RelayCommand =
  | { type: 'RegisterRelay'; request: RegisterRelayCommand; now: string }
  | { type: 'RecordHeartbeat'; load: Load; now: string }
  | { type: 'RecordSilence'; seconds: number; now: string }
  | { type: 'RemoveRelay'; now: string };

const noRelay: RelayState = { relay: null, health: 'OFFLINE', reason: null, removed: false };

export const relayDecider: Decider<RelayState, RelayCommand, RelayEvent> = {
  initial: noRelay,
  events: relayEvents,
  decide,
  evolve,
};

function decide(command: RelayCommand, state: RelayState): RelayEvent[] | Rejection {
  if (command.type === 'RegisterRelay') return register(command, state);
  if (!state.relay) return reject('relay_not_found', 'there is no such relay', 'not_found');
  const { type, now: at } = command;
  if (type === 'RemoveRelay') return state.removed ? [] : [{ type: 'RelayRemoved', data: { at } }];
  if (state.removed) return reject('relay_not_found', 'there is no such relay', 'not_found');
  switch (type) {
    case 'RecordHeartbeat':
      return changed(state, healthOf(command.load), at);
    case 'RecordSilence':
      return changed(
        state,
        { status: 'OFFLINE', reason: `no heartbeat for ${Math.floor(command.seconds)} s` },
        at,
      );
  }
}

/** The same registration again means that its reply was lost. Another one under the same id would take the relay over. */
function register(
  { request, now: at }: RelayCommand & { type: 'RegisterRelay' },
  { relay, removed }: RelayState,
): RelayEvent[] | Rejection {
  const asked: RelayRegistered = {
    relay_id: request.relay_id,
    name: request.name,
    connection: request.connection,
    public_key: request.public_key,
    key_sha256: request.key_sha256,
    version: request.version ?? null,
    queue_reference: request.queue_reference ?? null,
    vault_reference: request.vault_reference ?? null,
    joined_by: request.joined_by,
    at,
  };
  if (!relay) return [{ type: 'RelayRegistered', data: asked }];
  if (removed) return reject('relay_removed', 'this relay was removed: register with a new Idempotency-Key');
  if (isDeepStrictEqual({ ...asked, at: relay.at }, { ...relay })) return [];
  return reject('idempotency_key_reused', 'this Idempotency-Key belongs to another relay: use a new one');
}

function healthOf({ queue, spooled, lag_seconds }: Load): { status: RelayHealth; reason: string } {
  if (queue === 'up') return { status: 'HEALTHY', reason: 'heartbeat' };
  const waiting = spooled === 1 ? '1 delivery waits' : `${spooled} deliveries wait`;
  return {
    status: 'DEGRADED',
    reason: `its queue is away or refuses it: ${waiting} on its disk, the oldest for ${lag_seconds} s`,
  };
}

function changed(
  { health }: RelayState,
  { status, reason }: { status: RelayHealth; reason: string },
  at: string,
): RelayEvent[] {
  return status === health ? [] : [{ type: 'RelayHealthChanged', data: { status, reason, at } }];
}

function evolve(state: RelayState, event: RelayEvent): RelayState {
  if (!state.relay && event.type !== 'RelayRegistered') return state;
  switch (event.type) {
    case 'RelayRegistered':
      return { relay: event.data, health: 'HEALTHY', reason: null, removed: false };
    case 'RelayHealthChanged': {
      const { status, reason } = event.data;
      return { ...state, health: status, reason: status === 'HEALTHY' ? null : reason };
    }
    case 'RelayRemoved':
      return { ...state, removed: true, health: 'OFFLINE', reason: 'it was removed' };
  }
}
