import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import { agentDecider, type AgentCommand } from './agent.decider.js';
import type { AgentEvent, HealthStatus } from './agent.events.js';
import { agentStatus } from './agent.view.js';

const now = '2026-01-01T00:00:00.000Z';
const request = { agent_id: 'a1', name: 'builder', credential_sha256: 'c1' };
const register: AgentCommand = { type: 'RegisterAgent', request, now };
const health = (status: HealthStatus): AgentCommand => ({ type: 'RecordHealth', status, reason: 'why', now });
const drain: AgentCommand = { type: 'StartDrain', now };
const resume: AgentCommand = { type: 'Resume', now };
const deregister: AgentCommand = { type: 'Deregister', now };

const registered: AgentEvent = {
  type: 'AgentRegistered',
  data: {
    agent_id: 'a1',
    name: 'builder',
    pool: 'default',
    labels: {},
    region: null,
    capabilities: [],
    capacity: 1,
    version: null,
    credential_sha256: 'c1',
    at: now,
  },
};
const became = (status: HealthStatus): AgentEvent => ({
  type: 'AgentHealthChanged',
  data: { status, reason: 'why', at: now },
});
const drainStarted: AgentEvent = { type: 'AgentDrainStarted', data: { at: now } };
const resumed: AgentEvent = { type: 'AgentResumed', data: { at: now } };
const replaced: AgentEvent = { type: 'AgentCredentialReplaced', data: { credential_sha256: 'c1', at: now } };
const deregistered: AgentEvent = { type: 'AgentDeregistered', data: { at: now } };

const HISTORIES = {
  unknown: [],
  healthy: [registered],
  degraded: [registered, became('DEGRADED')],
  offline: [registered, became('OFFLINE')],
  draining: [registered, drainStarted],
  deregistered: [registered, deregistered],
} satisfies Record<string, AgentEvent[]>;

const COMMANDS = {
  register,
  heartbeat: health('HEALTHY'),
  silence: health('DEGRADED'),
  drain,
  resume,
  deregister,
} satisfies Record<string, AgentCommand>;

/** Every command in every state: the events, or the code of the rejection. */
const OUTCOMES: Record<keyof typeof HISTORIES, Record<keyof typeof COMMANDS, AgentEvent[] | string>> = {
  unknown: {
    register: [registered],
    heartbeat: 'agent_not_found',
    silence: 'agent_not_found',
    drain: 'agent_not_found',
    resume: 'agent_not_found',
    deregister: 'agent_not_found',
  },
  healthy: {
    register: [replaced],
    heartbeat: [],
    silence: [became('DEGRADED')],
    drain: [drainStarted],
    resume: [],
    deregister: [deregistered],
  },
  degraded: {
    register: [replaced],
    heartbeat: [became('HEALTHY')],
    silence: [],
    drain: [drainStarted],
    resume: [],
    deregister: [deregistered],
  },
  offline: {
    register: [replaced],
    heartbeat: [became('HEALTHY')],
    silence: [became('DEGRADED')],
    drain: [drainStarted],
    resume: [],
    deregister: [deregistered],
  },
  draining: {
    register: [replaced],
    heartbeat: [],
    silence: [became('DEGRADED')],
    drain: [],
    resume: [resumed],
    deregister: [deregistered],
  },
  deregistered: {
    register: 'agent_deregistered',
    heartbeat: 'agent_not_found',
    silence: 'agent_not_found',
    drain: 'agent_not_found',
    resume: 'agent_not_found',
    deregister: 'agent_not_found',
  },
};

const cases = Object.entries(OUTCOMES).flatMap(([state, outcomes]) =>
  Object.entries(outcomes).map(([command, outcome]) => [state, command, outcome] as const),
);

describe('an agent', () => {
  it.each(cases)('%s: %s', (state, command, outcome) => {
    const asked = given(agentDecider, ...HISTORIES[state as keyof typeof HISTORIES]).when(
      COMMANDS[command as keyof typeof COMMANDS],
    );
    if (typeof outcome === 'string') asked.thenRejected(outcome);
    else asked.then(...outcome);
  });

  it('keeps what it registered with', () => {
    const more = {
      pool: 'gpu',
      labels: { os: 'linux' },
      region: 'eu',
      capabilities: ['docker'],
      capacity: 4,
      version: '1.2',
    };
    given(agentDecider)
      .when({ type: 'RegisterAgent', request: { ...request, ...more }, now })
      .then({ type: 'AgentRegistered', data: { ...registered.data, ...more } });
  });

  it('has only the credential that it was given last', () => {
    const other: AgentEvent = { type: 'AgentCredentialReplaced', data: { credential_sha256: 'c2', at: now } };
    expect(fold(agentDecider, [registered, other]).credential_sha256).toBe('c2');
  });

  it.each([
    ['DRAINING', [registered, drainStarted]],
    ['OFFLINE', [registered, drainStarted, became('OFFLINE')]],
    ['DRAINING', [registered, drainStarted, became('OFFLINE'), became('HEALTHY')]],
    ['HEALTHY', [registered, drainStarted, resumed]],
    ['OFFLINE', [registered, deregistered]],
    ['OFFLINE', []],
  ] as [string, AgentEvent[]][])('is shown as %s', (status, history) => {
    expect(agentStatus(fold(agentDecider, history))).toBe(status);
  });
});
