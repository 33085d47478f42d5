/** The rules by which heartbeats, or their absence, change an agent's health. Pure: time and limits come in. */
import type { Heartbeat } from '@hybrid/contracts';
import type { HealthStatus } from './agent.events.js';

/** Null: the health stays as it is. */
export type HealthChange = { status: HealthStatus; reason: string } | null;

/** Seconds without a heartbeat. */
export interface SilenceLimits {
  degraded: number;
  offline: number;
  dead: number;
}

/** Percent from which on an agent takes no new jobs. */
export interface LoadLimits {
  memory: number;
  disk: number;
}

export type Load = Pick<Heartbeat, 'memory_percent' | 'disk_percent'>;

/** Points below the limit that an unhealthy agent must reach: a load at the limit would change its health each time. */
const HYSTERESIS = 5;

/** An agent that is heard of is healthy, unless its memory or disk is nearly full. */
export function healthOfHeartbeat(
  health: HealthStatus,
  { memory_percent, disk_percent }: Load,
  limits: LoadLimits,
): HealthChange {
  const loads = [
    { name: 'memory', percent: memory_percent, limit: limits.memory },
    { name: 'disk', percent: disk_percent, limit: limits.disk },
  ];
  if (health === 'UNHEALTHY') {
    const recovered = loads.every(({ percent, limit }) => percent < limit - HYSTERESIS);
    return recovered ? { status: 'HEALTHY', reason: loads.map(said).join(', ') } : null;
  }
  const over = loads.filter(({ percent, limit }) => percent >= limit);
  if (over.length)
    return {
      status: 'UNHEALTHY',
      reason: over.map((load) => `${said(load)}, limit ${load.limit} %`).join('; '),
    };
  return health === 'HEALTHY' ? null : { status: 'HEALTHY', reason: 'heartbeat' };
}

function said({ name, percent }: { name: string; percent: number }): string {
  return `${name} ${Math.round(percent * 10) / 10} %`;
}

/** From better to worse, as silence goes on. */
const QUIET: HealthStatus[] = ['DEGRADED', 'OFFLINE', 'DEAD'];

/** Silence makes an agent worse, never better. */
export function healthOfSilence(health: HealthStatus, seconds: number, limits: SilenceLimits): HealthChange {
  const status = quietFor(seconds, limits);
  if (!status || QUIET.indexOf(status) <= QUIET.indexOf(health)) return null;
  return { status, reason: `no heartbeat for ${Math.floor(seconds)} s` };
}

function quietFor(seconds: number, { degraded, offline, dead }: SilenceLimits): HealthStatus | null {
  if (seconds >= dead) return 'DEAD';
  if (seconds >= offline) return 'OFFLINE';
  return seconds >= degraded ? 'DEGRADED' : null;
}
