import { describe, expect, it } from '@jest/globals';
import type { HealthStatus } from './agent.events.js';
import { healthOfHeartbeat, healthOfSilence } from './agent.health.js';

describe('health', () => {
  const load = { memory: 95, disk: 90 };
  it.each<[HealthStatus, number, number, HealthStatus | null, string | null]>([
    ['HEALTHY', 94.9, 89.9, null, null],
    ['HEALTHY', 95, 10, 'UNHEALTHY', 'memory 95 %, limit 95 %'],
    ['HEALTHY', 10, 91.26, 'UNHEALTHY', 'disk 91.3 %, limit 90 %'],
    ['HEALTHY', 99, 99, 'UNHEALTHY', 'memory 99 %, limit 95 %; disk 99 %, limit 90 %'],
    ['UNHEALTHY', 99, 99, null, null],
    ['UNHEALTHY', 90, 10, null, null],
    ['UNHEALTHY', 10, 85, null, null],
    ['UNHEALTHY', 89.9, 84.9, 'HEALTHY', 'memory 89.9 %, disk 84.9 %'],
    ['DEGRADED', 50, 50, 'HEALTHY', 'heartbeat'],
    ['OFFLINE', 50, 50, 'HEALTHY', 'heartbeat'],
    ['DEAD', 50, 50, 'HEALTHY', 'heartbeat'],
    ['DEAD', 96, 50, 'UNHEALTHY', 'memory 96 %, limit 95 %'],
  ])('%s, memory %d %%, disk %d %%: %s', (health, memory_percent, disk_percent, status, reason) => {
    expect(healthOfHeartbeat(health, { memory_percent, disk_percent }, load)).toEqual(
      status && { status, reason },
    );
  });

  const silence = { degraded: 15, offline: 30, dead: 300 };
  it.each<[HealthStatus, number, HealthStatus | null]>([
    ['HEALTHY', 14.9, null],
    ['HEALTHY', 15, 'DEGRADED'],
    ['HEALTHY', 30, 'OFFLINE'],
    ['HEALTHY', 300, 'DEAD'],
    ['UNHEALTHY', 14, null],
    ['UNHEALTHY', 15, 'DEGRADED'],
    ['DEGRADED', 29, null],
    ['DEGRADED', 30, 'OFFLINE'],
    ['OFFLINE', 20, null],
    ['OFFLINE', 299, null],
    ['OFFLINE', 300, 'DEAD'],
    ['DEAD', 20, null],
    ['DEAD', 1000, null],
  ])('%s, silent for %d s: %s', (health, seconds, status) => {
    expect(healthOfSilence(health, seconds, silence)?.status ?? null).toBe(status);
  });

  it('says for how long nothing was heard', () => {
    expect(healthOfSilence('HEALTHY', 16.7, silence)?.reason).toBe('no heartbeat for 16 s');
  });
});
