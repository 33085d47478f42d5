import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import type { RegisterAgentCommand } from '@hybrid/contracts';
import { given } from '@hybrid/testing';
import { agentDecider, type AgentCommand } from './agent.decider.js';
import type { AgentEvent, AgentKeyRotated, HealthStatus } from './agent.events.js';
import { agentView } from './agent.view.js';

const now = '2026-01-01T00:00:00.000Z';
const inAnHour = '2026-01-01T01:00:00.000Z';
const limits = { memory: 95, disk: 95 };
const joined_by = { kind: 'join-token', id: 't1' } as const;
const request = { agent_id: 'a1', name: 'builder', key: { kid: 'k1' }, joined_by };
const register: AgentCommand = { type: 'RegisterAgent', request, now };
const rotate = (version: number, at = now): AgentCommand => ({
  type: 'RotateKey',
  version,
  kid: 'k1',
  now: at,
});
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

const registered: AgentEvent & { type: 'AgentRegistered.v2' } = {
  type: 'AgentRegistered.v2',
  data: {
    agent_id: 'a1',
    name: 'builder',
    pool: 'default',
    labels: {},
    region: null,
    capabilities: [],
    capacity: 1,
    version: null,
    key: { kid: 'k1', version: 1, expires_at: null },
    joined_by,
    at: now,
  },
};
const became = (status: HealthStatus, reason = 'why'): AgentEvent => ({
  type: 'AgentHealthChanged',
  data: { status, reason, at: now },
});
const drainStarted: AgentEvent = { type: 'AgentDrainStarted', data: { at: now } };
const resumed: AgentEvent = { type: 'AgentResumed', data: { at: now } };
const rotated = (version: number, more: Partial<AgentKeyRotated> = {}): AgentEvent => ({
  type: 'AgentKeyRotated',
  data: { kid: 'k1', version, previous_until: inAnHour, expires_at: null, at: now, ...more },
});
const asked: AgentEvent = { type: 'AgentKeyRotationAsked', data: { at: now } };
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
  rotate: rotate(1),
  'ask for a rotation': { type: 'AskRotation', now },
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
    rotate: 'agent_not_found',
    'ask for a rotation': 'agent_not_found',
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    register: [],
    rotate: [rotated(2)],
    'ask for a rotation': [asked],
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
    rotate: 'agent_not_found',
    'ask for a rotation': 'agent_not_found',
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
      .then({ type: 'AgentRegistered.v2', data: { ...registered.data, ...more } });
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
      .when({ type: 'RegisterAgent', request: { ...request, ...other }, now })
      .thenRejected('idempotency_key_reused');
  });

  it('may be registered again in other words', () => {
    const labels = { os: 'linux', arch: 'arm64' };
    const first: AgentEvent = { type: 'AgentRegistered.v2', data: { ...registered.data, labels } };
    const again = { ...request, labels: { arch: 'arm64', os: 'linux' }, pool: 'default', capabilities: [] };
    given(agentDecider, first).when({ type: 'RegisterAgent', request: again, now }).then();
  });

  const ofOtherWords: AgentEvent = {
    type: 'AgentRegistered.v2',
    data: { ...registered.data, key: null },
  };
  const expiring: AgentEvent = {
    type: 'AgentRegistered.v2',
    data: { ...registered.data, key: { kid: 'k1', version: 1, expires_at: '2026-01-01T00:10:00.000Z' } },
  };

  it.each<[what: string, history: AgentEvent[], request: RegisterAgentCommand, expected: AgentEvent]>([
    [
      'has a key again, where it had a credential of another kind',
      [ofOtherWords],
      request,
      rotated(1, { previous_until: null }),
    ],
    [
      "gets one of the installation's present key",
      [registered],
      { ...request, key: { kid: 'k2' } },
      rotated(2, { kid: 'k2' }),
    ],
    [
      'gets a new one where it is vouched for for a while only',
      [expiring],
      { ...request, credential_seconds: 900 },
      rotated(2, { previous_until: '2026-01-01T00:10:00.000Z', expires_at: '2026-01-01T00:15:00.000Z' }),
    ],
  ])('that registers again %s', (_, history, again, expected) => {
    given(agentDecider, ...history)
      .when({ type: 'RegisterAgent', request: again, now })
      .then(expected);
  });

  it.each<[what: string, history: AgentEvent[], command: AgentCommand, expected: AgentEvent[] | string]>([
    ['with a version that it never had', [registered], rotate(2), 'agent_key_unknown'],
    ['that has no key', [ofOtherWords], rotate(1), 'agent_key_unknown'],
    ['whose answer was lost', [registered, rotated(2)], rotate(1), []],
    ['whose answer was lost for an hour', [registered, rotated(2)], rotate(1, inAnHour), 'agent_key_unknown'],
    ['again', [registered, rotated(2)], rotate(2), [rotated(3)]],
    [
      'with one that is two versions old',
      [registered, rotated(2), rotated(3)],
      rotate(1),
      'agent_key_unknown',
    ],
    [
      'and lives no longer by it',
      [expiring],
      rotate(1),
      [rotated(2, { previous_until: '2026-01-01T00:10:00.000Z', expires_at: '2026-01-01T00:10:00.000Z' })],
    ],
    ['too late', [expiring], rotate(1, '2026-01-01T00:10:00.000Z'), 'agent_key_unknown'],
  ])('rotates its key: one %s', (_, history, command, expected) => {
    const asked = given(agentDecider, ...history).when(command);
    if (typeof expected === 'string') asked.thenRejected(expected);
    else asked.then(...expected);
  });

  it('has two keys at most, the older one for an hour; that another one is wanted is over then', () => {
    const after = fold(agentDecider, [registered, asked, rotated(2), rotated(3)]);
    expect(after.keys).toEqual([
      { kid: 'k1', version: 2, since: now, not_after: inAnHour },
      { kid: 'k1', version: 3, since: now, not_after: null },
    ]);
    expect(after.rotation_asked).toBe(false);
    expect(fold(agentDecider, [registered, asked]).rotation_asked).toBe(true);
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
