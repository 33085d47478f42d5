import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import { agentDecider, type AgentCommand } from './agent.decider.js';
import type { AgentEvent, HealthStatus } from './agent.events.js';
import { agentView } from './agent.view.js';

const now = '2026-01-01T00:00:00.000Z';
const limits = { memory: 95, disk: 95 };
const request = { agent_id: 'a1', name: 'builder', credential_sha256: 'c1' };
const register: AgentCommand = { type: 'RegisterAgent', request, now };
const heartbeat = (memory_percent: number): AgentCommand => ({
  type: 'RecordHeartbeat',
  load: { memory_percent, disk_percent: 40 },
  limits,
  now,
});
const silence = (seconds: number): AgentCommand => ({
  type: 'RecordSilence',
  seconds,
  limits: { degraded: 15, offline: 30, dead: 300 },
  now,
});
const drain: AgentCommand = { type: 'StartDrain', now };
const resume: AgentCommand = { type: 'Resume', now };
const stop: AgentCommand = { type: 'Stop', now };
const deregister: AgentCommand = { type: 'Deregister', now };

const registered: AgentEvent & { type: 'AgentRegistered' } = {
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
const became = (status: HealthStatus, reason = 'why'): AgentEvent => ({
  type: 'AgentHealthChanged',
  data: { status, reason, at: now },
});
const drainStarted: AgentEvent = { type: 'AgentDrainStarted', data: { at: now } };
const resumed: AgentEvent = { type: 'AgentResumed', data: { at: now } };
const replaced: AgentEvent = { type: 'AgentCredentialReplaced', data: { credential_sha256: 'c1', at: now } };
const stopped: AgentEvent = { type: 'AgentStopped', data: { at: now } };
const deregistered: AgentEvent = { type: 'AgentDeregistered', data: { at: now } };

const HISTORIES = {
  unknown: [],
  healthy: [registered],
  degraded: [registered, became('DEGRADED')],
  unhealthy: [registered, became('UNHEALTHY')],
  dead: [registered, became('DEAD')],
  draining: [registered, drainStarted],
  stopped: [registered, drainStarted, stopped],
  deregistered: [registered, deregistered],
} satisfies Record<string, AgentEvent[]>;

const COMMANDS = {
  register,
  heartbeat: heartbeat(50),
  'full memory': heartbeat(97),
  'short silence': silence(16),
  'long silence': silence(301),
  drain,
  resume,
  stop,
  deregister,
} satisfies Record<string, AgentCommand>;

const back = became('HEALTHY', 'heartbeat');
const full = became('UNHEALTHY', 'memory 97 %, limit 95 %');
const quiet = became('DEGRADED', 'no heartbeat for 16 s');
const dead = became('DEAD', 'no heartbeat for 301 s');

/** Every command in every state: the events, or the code of the rejection. */
const OUTCOMES: Record<keyof typeof HISTORIES, Record<keyof typeof COMMANDS, AgentEvent[] | string>> = {
  unknown: {
    register: [registered],
    heartbeat: 'agent_not_found',
    'full memory': 'agent_not_found',
    'short silence': 'agent_not_found',
    'long silence': 'agent_not_found',
    drain: 'agent_not_found',
    resume: 'agent_not_found',
    stop: 'agent_not_found',
    deregister: 'agent_not_found',
  },
  healthy: {
    register: [replaced],
    heartbeat: [],
    'full memory': [full],
    'short silence': [quiet],
    'long silence': [dead],
    drain: [drainStarted],
    resume: [],
    stop: [stopped],
    deregister: [deregistered],
  },
  degraded: {
    register: [replaced],
    heartbeat: [back],
    'full memory': [full],
    'short silence': [],
    'long silence': [dead],
    drain: [drainStarted],
    resume: [],
    stop: [stopped],
    deregister: [deregistered],
  },
  unhealthy: {
    register: [replaced],
    heartbeat: [became('HEALTHY', 'memory 50 %, disk 40 %')],
    'full memory': [],
    'short silence': [quiet],
    'long silence': [dead],
    drain: [drainStarted],
    resume: [],
    stop: [stopped],
    deregister: [deregistered],
  },
  dead: {
    register: [replaced],
    heartbeat: [back],
    'full memory': [full],
    'short silence': [],
    'long silence': [],
    drain: [drainStarted],
    resume: [],
    stop: [stopped],
    deregister: [deregistered],
  },
  draining: {
    register: [replaced],
    heartbeat: [],
    'full memory': [full],
    'short silence': [quiet],
    'long silence': [dead],
    drain: [],
    resume: [resumed],
    stop: [stopped],
    deregister: [deregistered],
  },
  stopped: {
    register: [replaced],
    heartbeat: [back],
    'full memory': [full],
    'short silence': [],
    'long silence': [],
    drain: [drainStarted],
    resume: [],
    stop: [],
    deregister: [deregistered],
  },
  deregistered: {
    register: 'agent_deregistered',
    heartbeat: 'agent_not_found',
    'full memory': 'agent_not_found',
    'short silence': 'agent_not_found',
    'long silence': 'agent_not_found',
    drain: 'agent_not_found',
    resume: 'agent_not_found',
    stop: 'agent_not_found',
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

  it.each([
    ['name', { name: 'other' }],
    ['pool', { pool: 'gpu' }],
    ['labels', { labels: { os: 'linux' } }],
    ['capabilities', { capabilities: ['docker'] }],
    ['capacity', { capacity: 2 }],
    ['region', { region: 'eu' }],
    ['version', { version: '2' }],
  ])('is not taken over by a registration with the same key and another %s', (_, other) => {
    given(agentDecider, registered)
      .when({ type: 'RegisterAgent', request: { ...request, credential_sha256: 'theirs', ...other }, now })
      .thenRejected('idempotency_key_reused');
  });

  it('may be registered again in other words', () => {
    const labels = { os: 'linux', arch: 'arm64' };
    const first: AgentEvent = { type: 'AgentRegistered', data: { ...registered.data, labels } };
    const again = { ...request, labels: { arch: 'arm64', os: 'linux' }, pool: 'default', capabilities: [] };
    given(agentDecider, first).when({ type: 'RegisterAgent', request: again, now }).then(replaced);
  });

  it('has only the credential that it was given last', () => {
    const other: AgentEvent = { type: 'AgentCredentialReplaced', data: { credential_sha256: 'c2', at: now } };
    expect(fold(agentDecider, [registered, other]).credential_sha256).toBe('c2');
  });

  it.each([
    ['DRAINING', 'it takes no new jobs until it is resumed', [registered, drainStarted]],
    ['OFFLINE', 'why', [registered, drainStarted, became('OFFLINE')]],
    ['UNHEALTHY', 'memory 97 %, limit 95 %', [registered, drainStarted, full]],
    [
      'DRAINING',
      'it takes no new jobs until it is resumed',
      [registered, drainStarted, became('OFFLINE'), back],
    ],
    ['HEALTHY', null, [registered, drainStarted, resumed]],
    ['HEALTHY', null, [registered, became('DEAD'), back]],
    ['OFFLINE', 'it stopped in order', [registered, drainStarted, stopped]],
    ['HEALTHY', null, [registered, drainStarted, stopped, back]],
    ['OFFLINE', 'it was deregistered', [registered, deregistered]],
  ] as [string, string | null, AgentEvent[]][])('is shown as %s: %s', (status, status_reason, history) => {
    expect(agentView(fold(agentDecider, history))).toMatchObject({ status, status_reason });
  });
});
