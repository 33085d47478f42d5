/** The facts of stream `relay-<id>`. Heartbeats are not events; changes of health are. */
import type { RegisterRelayCommand } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type RelayEvent =
  | { type: 'RelayRegistered'; data: RelayRegistered }
  | { type: 'RelayHealthChanged'; data: { status: RelayHealth; reason: string; at: string } }
  | { type: 'RelayRemoved'; data: { at: string } };

export const relayEvents: EventTypes<RelayEvent> = {
  today: { RelayRegistered: true, RelayHealthChanged: true, RelayRemoved: true },
};

export type RelayHealth = 'HEALTHY' | 'DEGRADED' | 'OFFLINE';

export interface RelayRegistered {
  relay_id: string;
  name: string;
  connection: string;
  /** Ed25519, base64url: what it signs deliveries with. */
  public_key: string;
  /** Of its API key, in hex. */
  key_sha256: string;
  version: string | null;
  queue_reference: string | null;
  vault_reference: string | null;
  joined_by: RegisterRelayCommand['joined_by'];
  at: string;
}
