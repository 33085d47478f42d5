/**
 * A session, for audit alone: whether it is alive is known where its secret is kept. Who began or ended it, and from which
 * address, stands in the metadata, as of every event.
 *
 *   (none) ──start──► STARTED ──end──► ENDED
 *
 * Rejections: session_not_found.
 */
import { reject, type Decider, type EventTypes, type Rejection } from '@hybrid/decider';

export type SessionEvent =
  | { type: 'SessionStarted'; data: SessionStarted }
  | { type: 'SessionEnded'; data: { user_id: string; reason: SessionEnd; at: string } };

export const sessionEvents: EventTypes<SessionEvent> = {
  today: { SessionStarted: true, SessionEnded: true },
};

export type SessionEnd = 'signed-out' | 'forced';

export interface SessionStarted {
  user_id: string;
  provider: string;
  /** As the browser or tool describes itself. */
  device: string | null;
  expires_at: string;
  at: string;
}

export interface SessionState {
  /** Null: there is no such session. */
  status: 'STARTED' | 'ENDED' | null;
  /** Whose. */
  user_id: string | null;
}

export type SessionCommand =
  | ({ type: 'StartSession'; now: string } & Omit<SessionStarted, 'at'>)
  | { type: 'EndSession'; user_id: string; reason: SessionEnd; now: string };

export const sessionDecider: Decider<SessionState, SessionCommand, SessionEvent> = {
  initial: { status: null, user_id: null },
  events: sessionEvents,
  decide,
  evolve,
};

function decide(
  command: SessionCommand,
  { status, user_id: owner }: SessionState,
): SessionEvent[] | Rejection {
  const { user_id, now: at } = command;
  // The same again means that its reply was lost; of a secret's id nobody else has one.
  if (status && owner !== user_id) return noSuchSession();
  switch (command.type) {
    case 'StartSession': {
      const { provider, device, expires_at } = command;
      return status ? [] : [{ type: 'SessionStarted', data: { user_id, provider, device, expires_at, at } }];
    }
    case 'EndSession':
      if (!status) return noSuchSession();
      return status === 'ENDED'
        ? []
        : [{ type: 'SessionEnded', data: { user_id, reason: command.reason, at } }];
  }
}

function noSuchSession(): Rejection {
  return reject('session_not_found', 'this user has no such session', 'not_found');
}

function evolve(state: SessionState, event: SessionEvent): SessionState {
  switch (event.type) {
    case 'SessionStarted':
      return { status: 'STARTED', user_id: event.data.user_id };
    case 'SessionEnded':
      return state.status ? { ...state, status: 'ENDED' } : state;
  }
}
