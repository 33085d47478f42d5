/** The facts of stream `joinToken-<token_id>`. */
import type { EventTypes } from '@hybrid/decider';

export type JoinTokenEvent =
  { type: 'JoinTokenCreated'; data: JoinTokenCreated } | { type: 'JoinTokenRevoked'; data: { at: string } };

export const joinTokenEvents: EventTypes<JoinTokenEvent> = {
  today: { JoinTokenCreated: true, JoinTokenRevoked: true },
};

export interface JoinTokenCreated {
  token_id: string;
  /** Of the token, in hex. */
  sha256: string;
  name: string;
  /** Agents unless told. */
  for?: 'relay';
  /** The only one that agents join with it; null: any. */
  pool: string | null;
  /** `user:<id>`, as in audit. */
  created_by: string;
  expires_at: string;
  at: string;
}
