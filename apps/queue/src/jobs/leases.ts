/**
 * How long ago each claimed or running job gave a sign of life, by this replica's own monotonic clock: no clock of
 * another machine can steal a lease or make it immortal.
 */
import { LEASE_SECONDS } from '@hybrid/contracts';
import type { JobState } from './job.state.js';

interface Lease {
  attempt: number;
  agentId: string;
  /** Milliseconds of performance.now(). */
  seen: number;
}

const LEASE_MS = LEASE_SECONDS * 1000;

export class Leases {
  private readonly leases = new Map<string, Lease>();

  /** A new claim starts its lease; an end ends it. */
  observe(jobId: string, state: JobState, now = performance.now()): void {
    if (state.status !== 'CLAIMED' && state.status !== 'RUNNING') this.leases.delete(jobId);
    else this.leases.set(jobId, { attempt: state.attempt, agentId: state.agent_id ?? '', seen: now });
  }

  /** True if the attempt is the agent's; its lease then runs anew. */
  renew(jobId: string, attempt: number, agentId: string, now = performance.now()): boolean {
    const lease = this.leases.get(jobId);
    if (!lease || lease.attempt !== attempt || lease.agentId !== agentId) return false;
    lease.seen = now;
    return true;
  }

  /** Jobs whose lease ran out. */
  expired(now = performance.now()): { jobId: string; attempt: number }[] {
    return [...this.leases]
      .filter(([, lease]) => now - lease.seen > LEASE_MS)
      .map(([jobId, { attempt }]) => ({ jobId, attempt }));
  }

  /** Jobs that are claimed or run. */
  jobs(): Iterable<string> {
    return this.leases.keys();
  }

  /** Attempts that the agent holds. */
  heldBy(agentId: string): { jobId: string; attempt: number }[] {
    return [...this.leases]
      .filter(([, lease]) => lease.agentId === agentId)
      .map(([jobId, { attempt }]) => ({ jobId, attempt }));
  }

  /** This replica could not see renewals for a while: every lease gets its full length from now. */
  startOver(now = performance.now()): void {
    for (const lease of this.leases.values()) lease.seen = now;
  }
}
