/** The facts of stream `agent-<id>`. Heartbeats are not events; changes of health are. */
import type { AgentStatus, JoinedBy } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type AgentEvent =
  | { type: 'AgentRegistered.v2'; data: AgentRegistered }
  /** Of the bearer credentials of before, which are worth nothing: changes nothing. */
  | { type: 'AgentCredentialReplaced'; data: { credential_sha256: string; at: string } }
  | { type: 'AgentKeyRotationAsked'; data: { at: string } }
  | { type: 'AgentKeyRotated'; data: AgentKeyRotated }
  | { type: 'AgentHealthChanged'; data: { status: HealthStatus; reason: string; at: string } }
  | { type: 'AgentDrainStarted'; data: { at: string } }
  | { type: 'AgentResumed'; data: { at: string } }
  | { type: 'AgentStopped'; data: { at: string } }
  | { type: 'AgentDeregistered'; data: { at: string } };

export const agentEvents: EventTypes<AgentEvent> = {
  today: {
    'AgentRegistered.v2': true,
    AgentCredentialReplaced: true,
    AgentKeyRotationAsked: true,
    AgentKeyRotated: true,
    AgentHealthChanged: true,
    AgentDrainStarted: true,
    AgentResumed: true,
    AgentStopped: true,
    AgentDeregistered: true,
  },
  upcasts: {
    AgentRegistered: ({ credential_sha256: _, ...agent }: FirstAgentRegistered) => ({
      type: 'AgentRegistered.v2',
      data: { ...agent, key: null, joined_by: { kind: 'installation', id: 'join-token' } },
    }),
  },
  downcasts: {
    // No credential has this digest.
    'AgentRegistered.v2': ({ key: _, joined_by: __, ...agent }: AgentRegistered) => ({
      type: 'AgentRegistered',
      data: { ...agent, credential_sha256: '' } satisfies FirstAgentRegistered,
    }),
    AgentKeyRotationAsked: () => null,
    AgentKeyRotated: () => null,
  },
};

/** What heartbeats, or their absence, can make of an agent. */
export type HealthStatus = Exclude<AgentStatus, 'DRAINING'>;

export interface AgentRegistered {
  agent_id: string;
  name: string;
  pool: string;
  labels: Record<string, string>;
  region: string | null;
  capabilities: string[];
  capacity: number;
  version: string | null;
  /** Null: it registered when credentials were another thing, and has to register anew. */
  key: { kid: string; version: number; expires_at: string | null } | null;
  joined_by: JoinedBy;
  at: string;
}

type FirstAgentRegistered = Omit<AgentRegistered, 'key' | 'joined_by'> & { credential_sha256: string };

export interface AgentKeyRotated {
  kid: string;
  version: number;
  /** The one before is valid until then; null: there was none. */
  previous_until: string | null;
  expires_at: string | null;
  at: string;
}
