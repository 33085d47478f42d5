/**
 * Claims on behalf of agents. A wait is made of short slices, each asked of whichever replica serves the agent's pool,
 * or else of any: a replica that hangs costs a slice, not the wait, and one that dies a second.
 */
import {
  CLAIM_ABANDONED_SUBJECT,
  CLAIM_SLICE_SECONDS,
  partitionClaim,
  ProblemError,
  queueRequests,
  type CallContext,
  type ClaimAbandoned,
  type ClaimedJob,
  type ClaimJob,
  type ClaimJobCommand,
  type Request,
} from '@hybrid/contracts';
import { callHeaders } from '@hybrid/messaging';
import type { Connections } from '@hybrid/service';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

/** A reply may be this much later than the wait that it answers: a commit on a slow disk, and the way. */
const GRACE_MS = 3_000;
/** Between two asks where the first one came back early: replicas share out their partitions within seconds. */
const PAUSE_MS = 250;

/** Where one replica says this, another may serve the claim. */
const ASK_ELSEWHERE = ['service_unavailable', 'replica_cut_off', 'timeout'];

/**
 * Up to `count` jobs; none when nothing came within `wait_seconds`, or when `over` (the agent hung up, the gateway
 * stops) was aborted meanwhile.
 * @throws ProblemError the queue's refusal; `service_unavailable`, `replica_cut_off` or `timeout` when no replica could
 * serve the claim, not even at the end of the wait.
 */
export async function claimJobs(
  connections: Pick<Connections, 'requests' | 'nats'>,
  request: ClaimJob & { pool: string },
  call: CallContext,
  over: AbortSignal,
): Promise<ClaimedJob[]> {
  const deadline = performance.now() + (request.wait_seconds ?? 0) * 1000;
  const left = () => Math.max(0, deadline - performance.now());
  const ask = (of: Request<ClaimJobCommand, ClaimedJob[]>) =>
    askOnce(connections, of, request, Math.min(CLAIM_SLICE_SECONDS * 1000, left()), call, over);
  for (;;) {
    const asked = performance.now();
    let jobs: ClaimedJob[] = [];
    try {
      jobs = await ask(partitionClaim(call.org, request.pool)).catch((error: unknown) => {
        if (!mayElsewhere(error)) throw error;
        return ask(queueRequests.claim);
      });
    } catch (error) {
      if (!mayElsewhere(error) || left() === 0) throw error;
    }
    if (jobs.length > 0 || over.aborted || left() === 0) return jobs;
    if (performance.now() - asked < PAUSE_MS)
      await pause(PAUSE_MS, null, { signal: over }).catch(() => undefined);
  }
}

async function askOnce(
  { requests, nats }: Pick<Connections, 'requests' | 'nats'>,
  of: Request<ClaimJobCommand, ClaimedJob[]>,
  request: ClaimJob,
  waitMs: number,
  call: CallContext,
  over: AbortSignal,
): Promise<ClaimedJob[]> {
  if (over.aborted) return [];
  // Each ask has a name of its own: what is told of one is not taken for the next.
  const abandoned: ClaimAbandoned = { claim_id: randomUUID() };
  const abandon = () =>
    nats.publish(CLAIM_ABANDONED_SUBJECT, JSON.stringify(abandoned), { headers: callHeaders(call) });
  over.addEventListener('abort', abandon, { once: true });
  try {
    return await requests.send(
      { subject: of.subject, timeoutMs: waitMs + GRACE_MS },
      { ...request, ...abandoned, wait_seconds: waitMs / 1000 },
      call,
    );
  } catch (error) {
    // A replica that wakes up late gives no job to somebody who is served elsewhere by then.
    if (error instanceof ProblemError && error.problem.code === 'timeout') abandon();
    throw error;
  } finally {
    over.removeEventListener('abort', abandon);
  }
}

function mayElsewhere(error: unknown): boolean {
  return error instanceof ProblemError && ASK_ELSEWHERE.includes(error.problem.code);
}
