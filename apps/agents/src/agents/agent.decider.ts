/**
 * An agent, from registration to its end.
 *
 *   HEALTHY ──missed heartbeats──► DEGRADED ──► OFFLINE ──► DEAD; from each a heartbeat leads back.
 *   HEALTHY ──memory or disk full──► UNHEALTHY ──well below the limit again──► HEALTHY
 *   Stopped: OFFLINE, as it said itself, until its next heartbeat; silence means nothing then.
 *   Draining: takes no new jobs until it is resumed, or has stopped. Deregistered: its credential is refused.
 *
 * Rejections: agent_not_found, agent_deregistered, idempotency_key_reused.
 */
import type { RegisterAgentCommand } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { isDeepStrictEqual } from 'node:util';
import { agentEvents, type AgentEvent, type AgentRegistered, type HealthStatus } from './agent.events.js';
import {
  healthOfHeartbeat,
  healthOfSilence,
  type HealthChange,
  type Load,
  type LoadLimits,
  type SilenceLimits,
} from './agent.health.js';

export interface AgentState {
  /** Null: there is no such agent. */
  agent: AgentRegistered | null;
  credential_sha256: string | null;
  health: HealthStatus;
  /** Why it is not HEALTHY; null while it is. */
  reason: string | null;
  draining: boolean;
  /** It announced its stop, and was not heard of since. */
  stopped: boolean;
  deregistered: boolean;
}

export type AgentCommand =
  | { type: 'RegisterAgent'; request: RegisterAgentCommand; now: string }
  | { type: 'RecordHeartbeat'; load: Load; limits: LoadLimits; now: string }
  | { type: 'RecordSilence'; seconds: number; limits: SilenceLimits; now: string }
  | { type: 'StartDrain'; now: string }
  | { type: 'Resume'; now: string }
  | { type: 'Stop'; now: string }
  | { type: 'Deregister'; now: string };

export const noAgent: AgentState = {
  agent: null,
  credential_sha256: null,
  health: 'OFFLINE',
  reason: null,
  draining: false,
  stopped: false,
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
  const at = command.now;
  switch (command.type) {
    case 'RecordHeartbeat':
      return changed(healthOfHeartbeat(state.health, command.load, command.limits), at);
    case 'RecordSilence':
      return state.stopped ? [] : changed(healthOfSilence(state.health, command.seconds, command.limits), at);
    case 'StartDrain':
      return state.draining ? [] : [{ type: 'AgentDrainStarted', data: { at } }];
    case 'Resume':
      return state.draining ? [{ type: 'AgentResumed', data: { at } }] : [];
    case 'Stop':
      return state.stopped ? [] : [{ type: 'AgentStopped', data: { at } }];
    case 'Deregister':
      return [{ type: 'AgentDeregistered', data: { at } }];
  }
}

function changed(change: HealthChange, at: string): AgentEvent[] {
  return change ? [{ type: 'AgentHealthChanged', data: { ...change, at } }] : [];
}

/**
 * The same registration again means that its reply was lost: the credential is replaced, as it is shown only once.
 * Another one under the same key is refused: it would take the agent over.
 */
function register(
  { request, now: at }: AgentCommand & { type: 'RegisterAgent' },
  state: AgentState,
): AgentEvent[] | Rejection {
  const { credential_sha256 } = request;
  const asked: AgentRegistered = {
    agent_id: request.agent_id,
    name: request.name,
    pool: request.pool ?? 'default',
    labels: request.labels ?? {},
    region: request.region ?? null,
    capabilities: request.capabilities ?? [],
    capacity: request.capacity ?? 1,
    version: request.version ?? null,
    credential_sha256,
    at,
  };
  if (state.deregistered)
    return reject('agent_deregistered', 'this agent was deregistered: register with a new Idempotency-Key');
  if (!state.agent) return [{ type: 'AgentRegistered', data: asked }];
  const { credential_sha256: first, at: since } = state.agent;
  if (!isDeepStrictEqual({ ...asked, credential_sha256: first, at: since }, { ...state.agent }))
    return reject('idempotency_key_reused', 'this Idempotency-Key belongs to another agent: use a new one');
  return [{ type: 'AgentCredentialReplaced', data: { credential_sha256, at } }];
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
    case 'AgentHealthChanged': {
      const { status, reason } = event.data;
      return { ...state, health: status, reason: status === 'HEALTHY' ? null : reason, stopped: false };
    }
    case 'AgentDrainStarted':
      return { ...state, draining: true };
    case 'AgentResumed':
      return { ...state, draining: false };
    case 'AgentStopped':
      return { ...state, health: 'OFFLINE', reason: 'it stopped in order', draining: false, stopped: true };
    case 'AgentDeregistered':
      return { ...state, deregistered: true, health: 'OFFLINE', reason: 'it was deregistered' };
  }
}
