/**
 * A join token: agents, or relays, register with it, until it is revoked; those who did stay.
 *
 *   (none) ──create──► valid ──revoke──► revoked          past expires_at it is not valid any more
 *
 * Rejections: idempotency_key_reused, join_token_not_found, pool_is_for_agents.
 */
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { idempotencyKeyReused, secondsAfter } from '../idempotency.js';
import { poolIsForAgents } from '../pool-is-for-agents.js';
import { joinTokenEvents, type JoinTokenCreated, type JoinTokenEvent } from './join-token.events.js';

export interface JoinTokenState {
  /** Null: there is no such token. */
  token: JoinTokenCreated | null;
  revoked_at: string | null;
}

export type JoinTokenCommand =
  | {
      type: 'CreateJoinToken';
      token_id: string;
      sha256: string;
      name: string;
      for?: 'relay';
      pool: string | null;
      created_by: string;
      expires_in_seconds: number;
      now: string;
    }
  | { type: 'RevokeJoinToken'; now: string };

export const joinTokenDecider: Decider<JoinTokenState, JoinTokenCommand, JoinTokenEvent> = {
  initial: { token: null, revoked_at: null },
  events: joinTokenEvents,
  decide,
  evolve,
};

function decide(
  command: JoinTokenCommand,
  { token, revoked_at }: JoinTokenState,
): JoinTokenEvent[] | Rejection {
  switch (command.type) {
    case 'CreateJoinToken': {
      if (command.for === 'relay' && command.pool !== null) return poolIsForAgents();
      const { type: _, expires_in_seconds, now: at, ...told } = command;
      const data = { ...told, expires_at: secondsAfter(at, expires_in_seconds), at };
      if (!token) return [{ type: 'JoinTokenCreated', data }];
      // The same again means that its reply was lost.
      const sameAtThatTime = {
        ...told,
        expires_at: secondsAfter(token.at, expires_in_seconds),
        at: token.at,
      };
      return isDeepStrictEqual(sameAtThatTime, token) ? [] : idempotencyKeyReused();
    }
    case 'RevokeJoinToken':
      if (!token) return reject('join_token_not_found', 'there is no such join token', 'not_found');
      return revoked_at === null ? [{ type: 'JoinTokenRevoked', data: { at: command.now } }] : [];
  }
}

function evolve(state: JoinTokenState, event: JoinTokenEvent): JoinTokenState {
  switch (event.type) {
    case 'JoinTokenCreated':
      return { token: event.data, revoked_at: null };
    case 'JoinTokenRevoked':
      return state.token ? { ...state, revoked_at: event.data.at } : state;
  }
}
