/**
 * Work for the queue while something is broken: enqueuers and agents over HTTP that ask again until they are answered.
 * What they were told is remembered, to be held against the log.
 */
import type { ClaimedJob, HeartbeatReply, JobView } from '@hybrid/contracts';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { ask, jobOf, leaseOf, type Answer, type Ask, type HandAgent } from './http/client.js';
import type { System } from './system.js';

export interface Acknowledgements {
  enqueued: string[];
  completed: { id: string; attempt: number }[];
  cancelled: string[];
}

export interface Load {
  acknowledged: Acknowledgements;
  /** No new jobs from now on; those that are there are still worked on. */
  stopEnqueuing(): Promise<void>;
  /** Resolves when nobody asks any more. Rejects with the first answer that nobody should have got. */
  stop(): Promise<void>;
}

interface LoadOptions {
  enqueuers: number;
  agents: number;
  pools: string[];
  random: () => number;
}

/** A gateway that does not answer at all is as good as away. */
const ANSWER_MS = 20_000;
/** So long one request is sent again and again: longer than any fault of these specs lasts. */
const INSIST_MS = 120_000;
const AGAIN_MS = 100;
/** Between two jobs of one enqueuer, at most. */
const ENQUEUE_MS = 150;
/** An agent works so long on a job at most. */
const WORK_MS = 60;

export async function startLoad(system: System, options: LoadOptions): Promise<Load> {
  const { enqueuers, agents, pools, random } = options;
  const acknowledged: Acknowledgements = { enqueued: [], completed: [], cancelled: [] };
  const poolOf = (index: number) => pools[index % pools.length]!;
  const hands = await Promise.all(Array.from({ length: agents }, (_, n) => system.handAgent(poolOf(n))));
  let enqueuing = true;
  let working = true;

  const enqueuer = async (index: number) => {
    for (let n = 0; enqueuing; n++) {
      const admin = { token: system.adminToken, headers: { 'idempotency-key': randomUUID() } };
      const json = { ...jobOf(`job-${index}-${n}`, poolOf(n)), backoff_seconds: 0 };
      const { body } = await insist<JobView>(system.url, 'POST /api/queue/jobs', { ...admin, json }, [201]);
      acknowledged.enqueued.push(body.id);
      const fate = random();
      const of = `/api/queue/jobs/${body.id}`;
      if (fate < 0.05) {
        const { status } = await insist(system.url, `DELETE ${of}`, admin, [200, 409]);
        if (status === 200) acknowledged.cancelled.push(body.id);
      } else if (fate < 0.1) {
        const urgent = { ...admin, json: { priority: 'CRITICAL' } };
        await insist(system.url, `PATCH ${of}/priority`, urgent, [200, 409]);
      }
      await pause(random() * ENQUEUE_MS);
    }
  };
  const agent = async (hand: HandAgent) => {
    const json = { agent_id: hand.id, pool: hand.pool, count: 2, wait_seconds: 2 };
    while (working) {
      const claim: Ask = { token: hand.token, json };
      const { status, body } = await insist<{ jobs: ClaimedJob[] }>(
        system.url,
        'POST /api/queue/claim',
        claim,
        [200, 404],
      );
      if (status === 200) await Promise.all(body.jobs.map((job) => work(hand, job)));
    }
  };
  const work = async (hand: HandAgent, job: ClaimedJob) => {
    const of = `/api/queue/jobs/${job.id}`;
    const tell = (request: string, more: object = {}) =>
      insist(system.url, request, { token: hand.token, json: { ...leaseOf(job), ...more } }, [200, 409]);
    if ((await tell(`PATCH ${of}/start`)).status === 409) return;
    await pause(random() * WORK_MS);
    const fate = random();
    if (fate < 0.2) await tell(`PATCH ${of}/progress`, { percent: 50 });
    if (fate < 0.05) await tell(`POST ${of}/release`, { reason: 'so that it comes back' });
    else if (fate < 0.1) await tell(`PATCH ${of}/complete`, { exit_code: 1 });
    else if ((await tell(`PATCH ${of}/complete`, { exit_code: 0 })).status === 200)
      acknowledged.completed.push({ id: job.id, attempt: job.attempt });
  };

  const enqueuersDone = Promise.all(Array.from({ length: enqueuers }, (_, index) => enqueuer(index)));
  const agentsDone = Promise.all(hands.map(agent));
  // Whoever stops the load hears of it.
  for (const done of [enqueuersDone, agentsDone]) done.catch(() => undefined);
  return {
    acknowledged,
    async stopEnqueuing() {
      enqueuing = false;
      await enqueuersDone;
    },
    async stop() {
      enqueuing = working = false;
      await Promise.all([enqueuersDone, agentsDone]);
    },
  };
}

/** Asks until the answer has one of these statuses. Throws on any other that is not the server's own trouble. */
export async function insist<T>(
  url: string,
  request: string,
  options: Ask,
  expected: number[],
): Promise<Answer<T>> {
  const deadline = performance.now() + INSIST_MS;
  for (;;) {
    let trouble: string;
    try {
      const answer = await ask<T>(url, request, { ...options, signal: AbortSignal.timeout(ANSWER_MS) });
      if (expected.includes(answer.status)) return answer;
      trouble = `${answer.status} ${JSON.stringify(answer.body)}`;
      if (answer.status < 500) throw new UnexpectedAnswerError(request, trouble);
    } catch (error) {
      if (error instanceof UnexpectedAnswerError) throw error;
      trouble = String(error);
    }
    if (performance.now() > deadline) throw new UnexpectedAnswerError(request, trouble!);
    await pause(AGAIN_MS);
  }
}

/** The agent lives, and vouches for these jobs; answers those that are not its own. */
export async function heartbeat(agent: HandAgent, jobs: ClaimedJob[]): Promise<string[]> {
  const load = { cpu_percent: 1, memory_percent: 1, disk_percent: 1, uptime_seconds: 1 };
  const running = jobs.map(({ id: job_id, attempt }) => ({ job_id, attempt }));
  const json = { ...load, jobs_queued: 0, jobs_completed: 0, running };
  const { status, body } = await agent.ask<HeartbeatReply>(`POST /api/agents/${agent.id}/heartbeat`, {
    json,
  });
  if (status !== 200) throw new Error(`heartbeat: ${status} ${JSON.stringify(body)}`);
  return body.lost;
}

class UnexpectedAnswerError extends Error {
  constructor(request: string, answer: string) {
    super(`${request}: ${answer}`);
  }
}
