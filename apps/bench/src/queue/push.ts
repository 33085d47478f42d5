/** How soon a job that is enqueued reaches an agent that waits for one. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Timings } from '../latency.js';
import type { QueueClient } from './clients.js';

/** One enqueue's way to its agent and back must not end before it is counted. */
const LAST_MS = 10_000;

interface Way {
  sent: number;
  acknowledged?: number;
  claimed?: number;
}

/**
 * `acknowledged`: from the reply to the enqueue to the reply to the claim; 0 where the agent heard of it first. `sent`:
 * from the enqueue's request. @throws Error when a job did not reach an agent in ten seconds.
 */
export async function measurePush(
  client: QueueClient,
  waiting: number,
  jobs: number,
  everyMs: number,
): Promise<{ acknowledged: Timings; sent: Timings }> {
  const claimedAt = new Map<string, number>();
  const ways: Way[] = [];
  const over = new AbortController();
  const agents = Array.from({ length: waiting }, async (_, agent) => {
    while (!over.signal.aborted) {
      const claimed = await client.claim(agent, 30, over.signal).catch(unlessOver(over.signal));
      if (!claimed) continue;
      claimedAt.set(claimed.id, performance.now());
      await client.complete(claimed);
    }
  });
  const begin = performance.now();
  // All agents wait before the first job comes.
  await pause(500);
  const ids: Promise<string>[] = [];
  for (let job = 0; job < jobs; job++) {
    const way: Way = { sent: performance.now() };
    ways.push(way);
    const id = client.enqueue(job % waiting);
    ids.push(id);
    void id.then(
      () => (way.acknowledged = performance.now()),
      () => undefined,
    );
    await pause(everyMs);
  }
  const enqueued = await Promise.all(ids);
  const deadline = performance.now() + LAST_MS;
  while (claimedAt.size < jobs) {
    if (performance.now() > deadline)
      throw new Error(
        `${jobs - claimedAt.size} of ${jobs} jobs reached no waiting agent within ${LAST_MS / 1000} s`,
      );
    await pause(20);
  }
  const seconds = (performance.now() - begin) / 1000;
  over.abort();
  await Promise.all(agents);
  const latenciesFrom = (start: (way: Way) => number) =>
    ways.map((way, job) => Math.max(0, claimedAt.get(enqueued[job]!)! - start(way)));
  return {
    acknowledged: { latencies: latenciesFrom((way) => way.acknowledged!), seconds },
    sent: { latencies: latenciesFrom((way) => way.sent), seconds },
  };
}

function unlessOver(signal: AbortSignal): (error: unknown) => null {
  return (error) => {
    if (signal.aborted) return null;
    throw error;
  };
}
