/**
 * An API key: what it may do is said when it is made, and never changes.
 *
 *   (none) ──create──► valid ──revoke──► revoked          past expires_at it is not valid any more
 *
 * Rejections: idempotency_key_reused, key_not_found, and those of grants.ts.
 */
import type { Grant } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { keptGrants } from '../grants.js';
import { idempotencyKeyReused, secondsAfter } from '../idempotency.js';
import { keyEvents, type ApiKeyCreated, type KeyEvent } from './key.events.js';

export interface KeyState {
  /** Null: there is no such key. */
  key: ApiKeyCreated | null;
  revoked_at: string | null;
}

export type KeyCommand =
  | {
      type: 'CreateKey';
      key_id: string;
      sha256: string;
      name: string;
      roles: Grant[];
      created_by: string;
      expires_in_seconds: number;
      now: string;
    }
  /** `created_by`: only if it is that actor's. */
  | { type: 'RevokeKey'; created_by?: string; now: string };

export const keyDecider: Decider<KeyState, KeyCommand, KeyEvent> = {
  initial: { key: null, revoked_at: null },
  events: keyEvents,
  decide,
  evolve,
};

function decide(command: KeyCommand, state: KeyState): KeyEvent[] | Rejection {
  switch (command.type) {
    case 'CreateKey':
      return create(command, state);
    case 'RevokeKey': {
      const { created_by, now: at } = command;
      const isTheirs = created_by === undefined || state.key?.created_by === created_by;
      if (!state.key || !isTheirs) return reject('key_not_found', 'there is no such API key', 'not_found');
      return state.revoked_at === null ? [{ type: 'ApiKeyRevoked', data: { at } }] : [];
    }
  }
}

/** The same again means that its reply was lost. */
function create(
  { type: _, roles: wanted, expires_in_seconds, now: at, ...told }: KeyCommand & { type: 'CreateKey' },
  { key }: KeyState,
): KeyEvent[] | Rejection {
  const roles = keptGrants(wanted);
  if ('rejected' in roles) return roles;
  const data = { ...told, roles, expires_at: secondsAfter(at, expires_in_seconds), at };
  if (!key) return [{ type: 'ApiKeyCreated', data }];
  const sameAtThatTime = { ...data, expires_at: secondsAfter(key.at, expires_in_seconds), at: key.at };
  return isDeepStrictEqual(sameAtThatTime, key) ? [] : idempotencyKeyReused();
}

function evolve(state: KeyState, event: KeyEvent): KeyState {
  switch (event.type) {
    case 'ApiKeyCreated':
      return { key: event.data, revoked_at: null };
    case 'ApiKeyRevoked':
      return state.key ? { ...state, revoked_at: event.data.at } : state;
  }
}
