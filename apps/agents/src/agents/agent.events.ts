/** The facts of stream `agent-<id>`. Heartbeats are not events; changes of health are. */
import type { AgentStatus } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';

export type AgentEvent =
  | { type: 'AgentRegistered'; data: AgentRegistered }
  | { type: 'AgentCredentialReplaced'; data: { credential_sha256: string; at: string } }
  | { type: 'AgentHealthChanged'; data: { status: HealthStatus; reason: string; at: string } }
  | { type: 'AgentDrainStarted'; data: { at: string } }
  | { type: 'AgentResumed'; data: { at: string } }
  | { type: 'AgentStopped'; data: { at: string } }
  | { type: 'AgentDeregistered'; data: { at: string } };

export const agentEvents: EventTypes<AgentEvent> = {
  today: {
    AgentRegistered: true,
    AgentCredentialReplaced: true,
    AgentHealthChanged: true,
    AgentDrainStarted: true,
    AgentResumed: true,
    AgentStopped: true,
    AgentDeregistered: true,
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
  credential_sha256: string;
  at: string;
}
