/** The facts of stream `apiKey-<key_id>`. */
import type { Grant } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type KeyEvent =
  { type: 'ApiKeyCreated'; data: ApiKeyCreated } | { type: 'ApiKeyRevoked'; data: { at: string } };

export const keyEvents: EventTypes<KeyEvent> = { today: { ApiKeyCreated: true, ApiKeyRevoked: true } };

export interface ApiKeyCreated {
  key_id: string;
  /** Of the key, in hex. */
  sha256: string;
  name: string;
  roles: Grant[];
  /** `user:<id>`, as in audit. */
  created_by: string;
  expires_at: string;
  at: string;
}
