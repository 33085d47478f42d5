import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { agentDecider } from './agent.decider.js';
import type { AgentEvent } from './agent.events.js';

/** One file for each stored event type, as it was first written. They are never changed: today's code must read them. */
const folder = join(import.meta.dirname, 'golden');

function golden<T extends AgentEvent['type']>(type: T): Extract<AgentEvent, { type: T }> {
  return JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Extract<AgentEvent, { type: T }>;
}

/** The compiler keeps this complete. */
const TYPES: Record<AgentEvent['type'], true> = {
  AgentRegistered: true,
  AgentCredentialReplaced: true,
  AgentHealthChanged: true,
  AgentDrainStarted: true,
  AgentResumed: true,
  AgentDeregistered: true,
};

describe('stored events', () => {
  it('each have their file', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(TYPES)
        .map((type) => `${type}.json`)
        .sort(),
    );
  });

  const after = (...events: AgentEvent[]) => fold(agentDecider, events);
  const registered = golden('AgentRegistered');

  it('begin an agent with all that it registered with', () => {
    expect(after(registered)).toEqual({
      agent: registered.data,
      credential_sha256: registered.data.credential_sha256,
      health: 'HEALTHY',
      draining: false,
      deregistered: false,
    });
  });

  it.each([
    ['AgentCredentialReplaced', { credential_sha256: 'cd'.repeat(32), health: 'HEALTHY' }],
    ['AgentHealthChanged', { health: 'DEGRADED' }],
    ['AgentDrainStarted', { draining: true }],
    ['AgentDeregistered', { deregistered: true, health: 'OFFLINE' }],
  ] as const)('%s changes what it says, and nothing else', (type, expected) => {
    expect(after(registered, golden(type))).toEqual({ ...after(registered), ...expected });
  });

  it('AgentResumed ends a drain', () => {
    expect(after(registered, golden('AgentDrainStarted'), golden('AgentResumed'))).toEqual(after(registered));
  });
});
