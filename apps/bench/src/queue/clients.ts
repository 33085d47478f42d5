/** The operations as HTTP requests: ours as agents and users make them, a peer's by its front. */
import type { ClaimedJob, JobView, Problem } from '@hybrid/contracts';
import { contentDigest, readAgentCredential, signRequest } from '@hybrid/signatures';
import { Pool } from 'undici';
import type { Target } from './plan.js';

/** What a queue's clients do. `turn` counts the jobs: it says which agent claims, and so in which pool the job waits. */
export interface QueueClient {
  /** Answers the job's id. */
  enqueue(turn: number): Promise<string>;
  /** Null: there was none. */
  claim(turn: number, waitSeconds?: number, signal?: AbortSignal): Promise<Claimed | null>;
  start?(claimed: Claimed): Promise<void>;
  complete(claimed: Claimed): Promise<void>;
  /** Any other request of a user; ours only. */
  get?<T>(path: string): Promise<T>;
  /** Which of the target's agents has the turn. */
  agentOf(turn: number): number;
  heartbeat?(turn: number, running?: { job_id: string; attempt: number }[]): Promise<void>;
  close(): Promise<void>;
}

export interface Claimed {
  id: string;
  turn: number;
  attempt: number;
  lease_token: string;
}

/** What every job is: about 250 bytes of JSON. */
const SPEC = {
  step: {
    id: 'test',
    name: 'test',
    type: 'step.shell_exec',
    config: { commands: ['npm ci', 'npm test -- --ci'] },
  },
  env: { CI: 'true', NODE_ENV: 'test' },
};

const HEARTBEAT = {
  cpu_percent: 12.5,
  memory_percent: 40,
  disk_percent: 55,
  jobs_queued: 0,
  jobs_completed: 100,
  uptime_seconds: 3600,
};

/** One connection for each client, and so many more as requests come side by side. */
export function clientOf(target: Target, connections: number): QueueClient {
  const pool = new Pool(target.url, { connections, pipelining: 1, headersTimeout: 120_000 });
  return target.kind === 'hybrid' ? hybridClient(pool, target) : frontClient(pool);
}

function hybridClient(pool: Pool, { adminToken, agents }: Target & { kind: 'hybrid' }): QueueClient {
  const agentAt = (turn: number) => turn % agents.length;
  const agentOf = (turn: number) => agents[agentAt(turn)]!;
  const result = ({ attempt, lease_token }: Claimed) => ({ attempt, lease_token, exit_code: 0 });
  const patch = async (claimed: Claimed, what: string, body: object) => {
    const path = `/api/queue/jobs/${claimed.id}/${what}`;
    await send<JobView>(pool, 'PATCH', path, body, agentOf(claimed.turn).credential);
  };
  return {
    async enqueue(turn) {
      const body = { pool: agentOf(turn).pool, spec: SPEC };
      return (await send<JobView>(pool, 'POST', '/api/queue/jobs', body, adminToken)).id;
    },
    async claim(turn, wait_seconds = 10, signal) {
      const { agent_id, credential } = agentOf(turn);
      const body = { agent_id, wait_seconds };
      const claim = send<{ job: ClaimedJob }>(pool, 'POST', '/api/queue/claim', body, credential, signal);
      const answer = await claim.catch(nullIfNone);
      return answer && { ...answer.job, turn };
    },
    start: (claimed) => {
      const { attempt, lease_token } = claimed;
      return patch(claimed, 'start', { attempt, lease_token });
    },
    complete: (claimed) => patch(claimed, 'complete', result(claimed)),
    get: (path) => send(pool, 'GET', path, undefined, adminToken),
    agentOf: agentAt,
    async heartbeat(turn, running) {
      const { agent_id, credential } = agentOf(turn);
      const body = { ...HEARTBEAT, ...(running && { running }) };
      await send(pool, 'POST', `/api/agents/${agent_id}/heartbeat`, body, credential);
    },
    close: () => pool.destroy(),
  };
}

function frontClient(pool: Pool): QueueClient {
  return {
    enqueue: async () =>
      (await send<{ id: string }>(pool, 'POST', '/enqueue', { pool: 'bench', spec: SPEC })).id,
    async claim(turn, wait_seconds = 0, signal) {
      const body = { agent_id: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a01', wait_seconds };
      const claim = send<Omit<Claimed, 'turn'>>(pool, 'POST', '/claim', body, undefined, signal);
      const answer = await claim.catch(nullIfNone);
      return answer && { ...answer, turn };
    },
    async complete({ id, attempt, lease_token }) {
      await send(pool, 'POST', '/complete', { id, attempt, lease_token, exit_code: 0 });
    },
    agentOf: (turn) => turn,
    close: () => pool.destroy(),
  };
}

class RefusedError extends Error {
  override readonly name = 'RefusedError';

  constructor(
    what: string,
    readonly status: number,
    readonly text: string,
  ) {
    super(`${what}: ${status} ${text}`);
  }
}

function nullIfNone(error: unknown): null {
  const none =
    error instanceof RefusedError &&
    error.status === 404 &&
    (JSON.parse(error.text) as Problem).code === 'no_jobs_available';
  if (none) return null;
  throw error;
}

/** An agent's credential signs the request, any other token is sent. @throws RefusedError */
export async function send<T>(
  pool: Pool,
  method: 'GET' | 'POST' | 'PATCH',
  path: string,
  body: object | undefined,
  token?: string,
  signal?: AbortSignal,
): Promise<T> {
  const text = body && JSON.stringify(body);
  const credential = readAgentCredential(token ?? '');
  const answer = await pool.request({
    method,
    path,
    signal,
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(credential
        ? signRequest(credential, { method, target: path, contentDigest: contentDigest(text) })
        : token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: text,
  });
  if (answer.statusCode >= 300)
    throw new RefusedError(`${method} ${path}`, answer.statusCode, await answer.body.text());
  return (await answer.body.json()) as T;
}
