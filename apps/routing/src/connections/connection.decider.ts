/**
 * A connection: a queue of the customer's, and what becomes of what lies on it.
 *
 *   (none) ──configure──► CHECKING ──a look at the queue──► CONNECTED | REFUSED | UNREACHABLE
 *   from each: pause ──► PAUSED ──resume──► CHECKING; delete ──► (none), whose versions go on when it comes again
 *
 * Rejections: connection_not_found.
 */
import type { ConnectionStatus } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import {
  connectionEvents,
  type AccessFound,
  type ConnectionConfigured,
  type ConnectionEvent,
  type ControlPlanePart,
} from './connection.events.js';

export interface ConnectionState {
  /** The configuration that holds; null: there never was one. */
  configured: ConnectionConfigured | null;
  /** Of the first configuration, or the first after a deletion. */
  created_at: string | null;
  /** Why it is paused; null while it is not. */
  paused: string | null;
  /** Null until somebody looked at the queue of this configuration. */
  access: AccessFound | null;
  deleted: boolean;
}

export type ConnectionCommand =
  | {
      type: 'ConfigureConnection';
      connection: string;
      configuration: ControlPlanePart;
      external_id: string;
      now: string;
    }
  | { type: 'PauseConnection'; reason: string; now: string }
  | { type: 'ResumeConnection'; now: string }
  /** `version`: of the configuration by which the queue was looked at. */
  | { type: 'RecordAccess'; version: number; found: AccessFound; now: string }
  | { type: 'DeleteConnection'; now: string };

export const connectionDecider: Decider<ConnectionState, ConnectionCommand, ConnectionEvent> = {
  initial: { configured: null, created_at: null, paused: null, access: null, deleted: false },
  events: connectionEvents,
  decide,
  evolve,
};

export function connectionStatus({ paused, access }: ConnectionState): ConnectionStatus {
  return paused === null ? (access?.status ?? 'CHECKING') : 'PAUSED';
}

function decide(command: ConnectionCommand, state: ConnectionState): ConnectionEvent[] | Rejection {
  const { configured, paused, deleted } = state;
  const at = command.now;
  if (command.type === 'ConfigureConnection') return configure(command, state);
  if (!configured || deleted)
    return command.type === 'DeleteConnection' && deleted
      ? []
      : reject('connection_not_found', 'there is no such connection', 'not_found');
  switch (command.type) {
    case 'PauseConnection':
      return paused === null ? [{ type: 'ConnectionPaused', data: { reason: command.reason, at } }] : [];
    case 'ResumeConnection':
      return paused === null ? [] : [{ type: 'ConnectionResumed', data: { at } }];
    case 'RecordAccess':
      return command.version !== configured.version || isKnown(command.found, state.access)
        ? []
        : [{ type: 'ConnectionAccessFound', data: { ...command.found, at } }];
    case 'DeleteConnection':
      return [{ type: 'ConnectionDeleted', data: { at } }];
  }
}

function configure(
  command: ConnectionCommand & { type: 'ConfigureConnection' },
  { configured, deleted }: ConnectionState,
): ConnectionEvent[] {
  const { connection, configuration, now: at } = command;
  if (configured && !deleted && isDeepStrictEqual(configuration, configured.configuration)) return [];
  const version = (configured?.version ?? 0) + 1;
  // Somebody has written it into a role's trust policy.
  const external_id = configured?.external_id ?? command.external_id;
  return [{ type: 'ConnectionConfigured', data: { connection, version, configuration, external_id, at } }];
}

/** What a queue that is away says of it differs from one try to the next. */
function isKnown(found: AccessFound, known: AccessFound | null): boolean {
  if (!known || found.status !== known.status || found.code !== known.code) return false;
  return found.status === 'UNREACHABLE' || found.message === known.message;
}

function evolve(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  if (!state.configured && event.type !== 'ConnectionConfigured') return state;
  switch (event.type) {
    case 'ConnectionConfigured': {
      const { at } = event.data;
      const again = state.configured && !state.deleted;
      return {
        configured: event.data,
        created_at: again ? state.created_at : at,
        paused: again ? state.paused : null,
        access: null,
        deleted: false,
      };
    }
    case 'ConnectionPaused':
      return { ...state, paused: event.data.reason };
    case 'ConnectionResumed':
      return { ...state, paused: null, access: null };
    case 'ConnectionAccessFound': {
      const { at: _, ...access } = event.data;
      return { ...state, access };
    }
    case 'ConnectionDeleted':
      return { ...state, deleted: true, paused: null, access: null };
  }
}
