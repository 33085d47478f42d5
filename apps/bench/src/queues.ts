/** The two queues that are measured: ours over HTTP, as an agent meets it, and pg-boss in-process on the same PostgreSQL. */
import type { ClaimedJob, JobView, RegisteredAgent } from '@hybrid/contracts';
import PgBoss from 'pg-boss';

/** A queue as its clients see it. `claim` answers what `complete` needs. */
export interface MeasuredQueue {
  name: string;
  enqueue(): Promise<unknown>;
  claim(): Promise<() => Promise<unknown>>;
  close(): Promise<void>;
}

export async function ownQueue(url: string, adminToken: string, joinToken: string): Promise<MeasuredQueue> {
  const call = async <T>(token: string, method: string, path: string, body: unknown): Promise<T> => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  };
  const agent = await call<RegisteredAgent>(joinToken, 'POST', '/api/agents/register', {
    name: 'bench',
    pool: 'bench',
  });
  const spec = {
    step: { id: 'bench', name: 'bench', type: 'step.shell_exec', config: { commands: ['true'] } },
  };
  return {
    name: 'hybrid (HTTP, event store)',
    enqueue: () => call<JobView>(adminToken, 'POST', '/api/queue/jobs', { pool: 'bench', spec }),
    async claim() {
      const claim = { agent_id: agent.agent_id, wait_seconds: 10 };
      const { job } = await call<{ job: ClaimedJob }>(agent.credential, 'POST', '/api/queue/claim', claim);
      const result = { attempt: job.attempt, lease_token: job.lease_token, exit_code: 0 };
      return () => call<JobView>(agent.credential, 'PATCH', `/api/queue/jobs/${job.id}/complete`, result);
    },
    async close() {},
  };
}

export async function pgBossQueue(databaseUrl: string): Promise<MeasuredQueue> {
  const boss = new PgBoss({ connectionString: databaseUrl, supervise: false, schedule: false });
  boss.on('error', (error) => console.error(`pg-boss: ${error.message}`));
  await boss.start();
  await boss.createQueue('bench');
  return {
    name: 'pg-boss (in-process, PostgreSQL)',
    enqueue: () => boss.send('bench', { commands: ['true'] }),
    async claim() {
      const [job] = await boss.fetch('bench');
      if (!job) throw new Error('pg-boss answered no job');
      return () => boss.complete('bench', job.id);
    },
    close: () => boss.stop({ graceful: false }),
  };
}
