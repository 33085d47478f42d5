/** The facts of stream `agent-<id>`. Heartbeats are not events; changes of health are. */
import type { AgentStatus } from '@hybrid/contracts';

export type AgentEvent =
  | { type: 'AgentRegistered'; data: AgentRegistered }
  | { type: 'AgentCredentialReplaced'; data: { credential_sha256: string; at: string } }
  | { type: 'AgentHealthChanged'; data: { status: HealthStatus; reason: string; at: string } }
  | { type: 'AgentDrainStarted'; data: { at: string } }
  | { type: 'AgentResumed'; data: { at: string } }
  | { type: 'AgentDeregistered'; data: { at: string } };

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
