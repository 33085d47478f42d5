import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { readAgentsSettings } from './agents.settings.js';

describe('settings of the agents service', () => {
  it('all have a default', () => {
    expect(readAgentsSettings({})).toMatchObject({
      HYBRID_AGENT_DEGRADED_SECONDS: 15,
      HYBRID_AGENT_OFFLINE_SECONDS: 30,
      HYBRID_AGENT_DEAD_SECONDS: 300,
      HYBRID_AGENT_MEMORY_LIMIT_PERCENT: 95,
      HYBRID_AGENT_DISK_LIMIT_PERCENT: 95,
    });
  });

  it('are taken from the environment', () => {
    expect(readAgentsSettings({ HYBRID_AGENT_DEAD_SECONDS: '60' }).HYBRID_AGENT_DEAD_SECONDS).toBe(60);
  });

  it.each([
    [{ HYBRID_AGENT_DEGRADED_SECONDS: '0' }, /HYBRID_AGENT_DEGRADED_SECONDS must be a whole number/],
    [{ HYBRID_AGENT_DEAD_SECONDS: 'soon' }, /HYBRID_AGENT_DEAD_SECONDS must be a whole number/],
    [{ HYBRID_AGENT_DISK_LIMIT_PERCENT: '200' }, /HYBRID_AGENT_DISK_LIMIT_PERCENT must be a number from/],
    [{ HYBRID_AGENT_DEGRADED_SECONDS: '30' }, /DEGRADED_SECONDS must be less than/],
    [{ HYBRID_AGENT_OFFLINE_SECONDS: '400' }, /OFFLINE_SECONDS, and that less than/],
  ])('that are wrong are refused with what is right: %j', (env, message) => {
    expect(() => readAgentsSettings(env)).toThrow(message);
  });
});
