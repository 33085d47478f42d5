/** Times by which something of a run must be over: RFC 3339, UTC. */
import type { Run } from './run.state.js';

/** Of the run itself, or of its cleaning up; null: it may take as long as it likes. */
export function runDeadline({
  status,
  released_at,
  cancelling,
  definition,
}: Pick<Run, 'status' | 'released_at' | 'cancelling'> & {
  definition: { timeout_seconds?: number };
}): string | null {
  const { timeout_seconds } = definition;
  const since =
    status === 'RUNNING' ? released_at : status === 'CANCELLING' ? (cancelling?.at ?? null) : null;
  return timeout_seconds === undefined || since === null ? null : later(since, timeout_seconds);
}

export function later(time: string, seconds: number): string {
  return new Date(Date.parse(time) + seconds * 1000).toISOString();
}

export function isPast(deadline: string, now: string): boolean {
  return Date.parse(deadline) <= Date.parse(now);
}
