/**
 * An agent, from registration to its end.
 *
 *   HEALTHY ──missed heartbeats──► DEGRADED ──► OFFLINE ──► DEAD; from each a heartbeat leads back.
 *   HEALTHY ──memory or disk full──► UNHEALTHY ──well below the limit again──► HEALTHY
 *   Stopped: OFFLINE, as it said itself, until its next heartbeat; silence means nothing then.
 *   Draining: takes no new jobs until it is resumed, or has stopped. Deregistered: what it signs is refused.
 *
 * Rejections: agent_not_found, agent_deregistered, agent_key_unknown, idempotency_key_reused.
 */
import type { AgentKey, RegisterAgentCommand } from '@hybrid/contracts';
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
import { isValid, keysAfter, nextKey } from './agent.keys.js';

export interface AgentState {
  /** Null: there is no such agent. */
  agent: AgentRegistered | null;
  /** What it may sign with, the newest last; none of an agent that registered when credentials were another thing. */
  keys: AgentKey[];
  /** Somebody wants it to have another key. */
  rotation_asked: boolean;
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
  /** By the agent, which signed with the key of this version. */
  | { type: 'RotateKey'; version: number; kid: string; now: string }
  | { type: 'AskRotation'; now: string }
  | { type: 'RecordHeartbeat'; load: Load; limits: LoadLimits; now: string }
  | { type: 'RecordSilence'; seconds: number; limits: SilenceLimits; now: string }
  | { type: 'StartDrain'; now: string }
  | { type: 'Resume'; now: string }
  | { type: 'Stop'; now: string }
  | { type: 'Deregister'; now: string };

export const noAgent: AgentState = {
  agent: null,
  keys: [],
  rotation_asked: false,
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
    case 'RotateKey':
      return rotate(command, state);
    case 'AskRotation':
      return state.rotation_asked ? [] : [{ type: 'AgentKeyRotationAsked', data: { at } }];
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
 * The same registration again means that its reply was lost, or that its key has expired: the valid key is answered again,
 * and one that expires is followed by a new one. Another registration under the same id is refused: it would take the
 * agent over.
 */
function register(
  { request, now: at }: AgentCommand & { type: 'RegisterAgent' },
  state: AgentState,
): AgentEvent[] | Rejection {
  const { kid } = request.key;
  const expires_at =
    request.credential_seconds === undefined
      ? null
      : new Date(Date.parse(at) + request.credential_seconds * 1000).toISOString();
  const asked: AgentRegistered = {
    agent_id: request.agent_id,
    name: request.name,
    pool: request.pool ?? 'default',
    labels: request.labels ?? {},
    region: request.region ?? null,
    capabilities: request.capabilities ?? [],
    capacity: request.capacity ?? 1,
    version: request.version ?? null,
    key: { kid, version: 1, expires_at },
    joined_by: request.joined_by,
    at,
  };
  if (state.deregistered)
    return reject('agent_deregistered', 'this agent was deregistered: register with a new Idempotency-Key');
  if (!state.agent) return [{ type: 'AgentRegistered.v2', data: asked }];
  const { key, at: since } = state.agent;
  if (!isDeepStrictEqual({ ...asked, key, at: since }, { ...state.agent }))
    return reject('idempotency_key_reused', 'this Idempotency-Key belongs to another agent: use a new one');
  const newest = state.keys.at(-1);
  if (newest && newest.kid === kid && newest.not_after === null && expires_at === null) return [];
  return [{ type: 'AgentKeyRotated', data: nextKey(state.keys, kid, expires_at, at) }];
}

/** Whoever signs with the key before the newest has not heard of that: it is answered once more. */
function rotate(
  { version, kid, now: at }: AgentCommand & { type: 'RotateKey' },
  { keys }: AgentState,
): AgentEvent[] | Rejection {
  const signedWith = keys.find((key) => key.version === version);
  if (!signedWith || !isValid(signedWith, at))
    return reject('agent_key_unknown', 'this is no key of the agent, or not any more');
  if (signedWith !== keys.at(-1)) return [];
  // A credential that expires is renewed by whoever vouched for the agent, not by the agent itself.
  return [{ type: 'AgentKeyRotated', data: nextKey(keys, kid, signedWith.not_after, at) }];
}

function evolve(state: AgentState, event: AgentEvent): AgentState {
  if (!state.agent && event.type !== 'AgentRegistered.v2') return state;
  switch (event.type) {
    case 'AgentRegistered.v2': {
      const { key, at } = event.data;
      const keys = key ? keysAfter([], { ...key, previous_until: null, at }) : [];
      return { ...noAgent, agent: event.data, keys, health: 'HEALTHY' };
    }
    case 'AgentCredentialReplaced':
      return state;
    case 'AgentKeyRotationAsked':
      return { ...state, rotation_asked: true };
    case 'AgentKeyRotated':
      return { ...state, keys: keysAfter(state.keys, event.data), rotation_asked: false };
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
