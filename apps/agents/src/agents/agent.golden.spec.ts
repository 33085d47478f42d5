import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { agentDecider } from './agent.decider.js';
import type { AgentEvent } from './agent.events.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), agentDecider, {
    version: 2,
    digest: '30de7e437e078f2f',
  });

  const after = (...events: AgentEvent[]) => fold(agentDecider, events);
  const registered = golden('AgentRegistered');

  it('begin an agent with all that it registered with', () => {
    expect(after(registered)).toEqual({
      agent: registered.data,
      credential_sha256: registered.data.credential_sha256,
      health: 'HEALTHY',
      reason: null,
      draining: false,
      stopped: false,
      deregistered: false,
    });
  });

  it.each([
    ['AgentCredentialReplaced', { credential_sha256: 'cd'.repeat(32), health: 'HEALTHY' }],
    ['AgentHealthChanged', { health: 'DEGRADED', reason: 'no heartbeat for 16 s' }],
    ['AgentDrainStarted', { draining: true }],
    ['AgentStopped', { stopped: true, health: 'OFFLINE', reason: 'it stopped in order' }],
    ['AgentDeregistered', { deregistered: true, health: 'OFFLINE', reason: 'it was deregistered' }],
  ] as const)('%s changes what it says, and nothing else', (type, expected) => {
    expect(after(registered, golden(type))).toEqual({ ...after(registered), ...expected });
  });

  it('AgentResumed ends a drain', () => {
    expect(after(registered, golden('AgentDrainStarted'), golden('AgentResumed'))).toEqual(after(registered));
  });
});
