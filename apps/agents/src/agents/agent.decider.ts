/**
 * An agent, from registration to its end.
 *
 *   HEALTHY ◄──heartbeat── DEGRADED ◄─missed─ HEALTHY;  DEGRADED ──► OFFLINE ──► DEAD by longer silence;
 *   DRAINING: takes no new jobs until it is resumed. Deregistered: its credential is refused.
 */
import type { RegisterAgentCommand } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { agentEvents, type AgentEvent, type AgentRegistered, type HealthStatus } from './agent.events.js';

export interface AgentState {
  /** Null: there is no such agent. */
  agent: AgentRegistered | null;
  credential_sha256: string | null;
  health: HealthStatus;
  draining: boolean;
  deregistered: boolean;
}

export type AgentCommand =
  | { type: 'RegisterAgent'; request: RegisterAgentCommand; now: string }
  | { type: 'RecordHealth'; status: HealthStatus; reason: string; now: string }
  | { type: 'StartDrain'; now: string }
  | { type: 'Resume'; now: string }
  | { type: 'Deregister'; now: string };

export const noAgent: AgentState = {
  agent: null,
  credential_sha256: null,
  health: 'OFFLINE',
  draining: false,
  deregistered: false,
};

export const agentDecider: Decider<AgentState, AgentCommand, AgentEvent> = {
  initial: noAgent,
  events: agentEvents,
  decide,
  evolve,
};

function decide(command: AgentCommand, state: AgentState): AgentEvent[] | Rejection {
  if (command.type === 'RegisterAgent') return register(command, state);
  if (!state.agent || state.deregistered)
    return reject('agent_not_found', 'there is no such agent', 'not_found');
  switch (command.type) {
    case 'RecordHealth':
      if (state.health === command.status) return [];
      return [
        {
          type: 'AgentHealthChanged',
          data: { status: command.status, reason: command.reason, at: command.now },
        },
      ];
    case 'StartDrain':
      return state.draining ? [] : [{ type: 'AgentDrainStarted', data: { at: command.now } }];
    case 'Resume':
      return state.draining ? [{ type: 'AgentResumed', data: { at: command.now } }] : [];
    case 'Deregister':
      return [{ type: 'AgentDeregistered', data: { at: command.now } }];
  }
}

/** The same registration again means that its reply was lost: the credential is replaced, as it is shown only once. */
function register(
  command: AgentCommand & { type: 'RegisterAgent' },
  state: AgentState,
): AgentEvent[] | Rejection {
  const { request, now } = command;
  if (state.deregistered)
    return reject('agent_deregistered', 'this agent was deregistered: register with a new Idempotency-Key');
  if (state.agent)
    return [
      { type: 'AgentCredentialReplaced', data: { credential_sha256: request.credential_sha256, at: now } },
    ];
  return [
    {
      type: 'AgentRegistered',
      data: {
        agent_id: request.agent_id,
        name: request.name,
        pool: request.pool ?? 'default',
        labels: request.labels ?? {},
        region: request.region ?? null,
        capabilities: request.capabilities ?? [],
        capacity: request.capacity ?? 1,
        version: request.version ?? null,
        credential_sha256: request.credential_sha256,
        at: now,
      },
    },
  ];
}

function evolve(state: AgentState, event: AgentEvent): AgentState {
  if (!state.agent && event.type !== 'AgentRegistered') return state;
  switch (event.type) {
    case 'AgentRegistered':
      return {
        ...noAgent,
        agent: event.data,
        credential_sha256: event.data.credential_sha256,
        health: 'HEALTHY',
      };
    case 'AgentCredentialReplaced':
      return { ...state, credential_sha256: event.data.credential_sha256 };
    case 'AgentHealthChanged':
      return { ...state, health: event.data.status };
    case 'AgentDrainStarted':
      return { ...state, draining: true };
    case 'AgentResumed':
      return { ...state, draining: false };
    case 'AgentDeregistered':
      return { ...state, deregistered: true, health: 'OFFLINE' };
  }
}
