import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { agentDecider } from './agent.decider.js';
import type { AgentEvent } from './agent.events.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), agentDecider, {
    version: 3,
    digest: '31413ec854e8b01b',
  });

  const after = (...events: AgentEvent[]) => fold(agentDecider, events);
  const registered = golden('AgentRegistered.v2');

  it('begin an agent with all that it registered with', () => {
    expect(after(registered)).toEqual({
      agent: registered.data,
      keys: [{ kid: 'k1', version: 1, since: registered.data.at, not_after: null }],
      rotation_asked: false,
      health: 'HEALTHY',
      reason: null,
      draining: false,
      stopped: false,
      deregistered: false,
    });
  });

  it.each([
    ['AgentCredentialReplaced', {}],
    ['AgentKeyRotationAsked', { rotation_asked: true }],
    ['AgentHealthChanged', { health: 'DEGRADED', reason: 'no heartbeat for 16 s' }],
    ['AgentDrainStarted', { draining: true }],
    ['AgentStopped', { stopped: true, health: 'OFFLINE', reason: 'it stopped in order' }],
    ['AgentDeregistered', { deregistered: true, health: 'OFFLINE', reason: 'it was deregistered' }],
  ] as const)('%s changes what it says, and nothing else', (type, expected) => {
    expect(after(registered, golden(type))).toEqual({ ...after(registered), ...expected });
  });

  it('AgentRegistered was of a credential that is worth nothing now', () => {
    const { agent, keys } = after(golden('AgentRegistered'));
    expect(keys).toEqual([]);
    expect(agent).toMatchObject({ key: null, joined_by: { kind: 'installation', id: 'join-token' } });
    expect(agent).not.toHaveProperty('credential_sha256');
  });

  it('AgentKeyRotated adds a key, and sets an end to the one before', () => {
    expect(after(registered, golden('AgentKeyRotated')).keys).toEqual([
      { kid: 'k1', version: 1, since: '2030-01-02T03:04:05.000Z', not_after: '2030-01-02T04:06:05.000Z' },
      { kid: 'k2', version: 2, since: '2030-01-02T03:06:05.000Z', not_after: null },
    ]);
  });

  it('AgentResumed ends a drain', () => {
    expect(after(registered, golden('AgentDrainStarted'), golden('AgentResumed'))).toEqual(after(registered));
  });
});
