/**
 * The clients, as a process of their own: what they cost is the same for every system, and no measurement is disturbed by
 * the bench's own work. Serves `POST /run` (see plan.ts) on loopback, one run at a time.
 */
import Fastify from 'fastify';
import { setTimeout as pause } from 'node:timers/promises';
import { repeat, type Timings } from '../latency.js';
import { clientOf, type QueueClient } from './clients.js';
import { Leases } from './leases.js';
import { cpuOf } from './machine.js';
import type { Answer, Call, Work } from './plan.js';
import { measurePush } from './push.js';

export async function serveLoad(): Promise<void> {
  const server = Fastify();
  server.post('/run', ({ body }) => run(body as Work));
  await server.listen({ host: '127.0.0.1', port: 0 });
  const [address] = server.addresses();
  process.once('SIGTERM', () => process.exit(0));
  console.log(JSON.stringify({ ready: true, port: address!.port }));
}

async function run(work: Work): Promise<Answer> {
  const client = clientOf(work.target, work.kind === 'push' ? work.waiting + 20 : work.clients);
  const load = new Load(new Leases(client), { ...work.pids, clients: process.pid });
  try {
    await perform(load, client, work);
    return load.answer();
  } finally {
    load.leases.stop();
    await client.close();
  }
}

async function perform(load: Load, client: QueueClient, work: Work): Promise<void> {
  switch (work.kind) {
    case 'rounds':
      return load.rounds(client, work.clients, work.jobs, work.seconds);
    case 'lives':
      return load.lives(client, work.clients, work.seconds, work.withStart);
    case 'work':
      return load.work(client, work.clients, work.times, work.workMs);
    case 'calls':
      return load.phase(work.call, () =>
        lasting(work.clients, work.seconds, callOf(client, work.call, work.job_id)),
      );
    case 'push':
      return load.push(client, work.waiting, work.jobs, work.everyMs);
  }
}

/** What one run measured so far, by operation. */
class Load {
  private readonly measured = new Map<string, Timings & { cpu: Record<string, number> }>();

  constructor(
    readonly leases: Leases,
    private readonly pids: Record<string, number>,
  ) {}

  answer(): Answer {
    return { measured: Object.fromEntries(this.measured), empty: this.leases.empty };
  }

  async rounds(client: QueueClient, clients: number, jobs: number, seconds: number): Promise<void> {
    const each = (operation: (turn: number) => Promise<unknown>) => () =>
      repeat(clients, (turn) => turn < jobs, operation);
    const end = performance.now() + seconds * 1000;
    do {
      await this.phase('enqueue', each(client.enqueue));
      await this.phase('claim', each(this.leases.claim));
      const claimed = this.leases.held();
      if (client.start)
        await this.phase(
          'start',
          each((turn) => client.start!(claimed[turn]!)),
        );
      await this.phase(
        'complete',
        each((turn) => this.leases.complete(claimed[turn]!)),
      );
    } while (performance.now() < end);
  }

  async lives(client: QueueClient, clients: number, seconds: number, withStart: boolean): Promise<void> {
    const life = async (turn: number) => {
      await client.enqueue(turn);
      const claimed = await this.leases.claim(turn);
      if (withStart) await client.start?.(claimed);
      await this.leases.complete(claimed);
    };
    const name = client.start && !withStart ? 'life without start' : 'life';
    await this.phase(name, () => lasting(clients, seconds, life));
  }

  /** Of a claim alone is told how long it took. */
  async work(client: QueueClient, agents: number, times: number, workMs: number): Promise<void> {
    await repeat(agents, (turn) => turn < agents * times, client.enqueue);
    await this.phase('claim at work', async () => {
      const latencies: number[] = [];
      const begin = performance.now();
      const agent = async (turn: number) => {
        await pause((turn * workMs) / agents);
        for (let left = times; left > 0; left--) {
          const asked = performance.now();
          const claimed = await this.leases.claim(turn);
          latencies.push(performance.now() - asked);
          await pause(workMs);
          await this.leases.complete(claimed);
        }
      };
      await Promise.all(Array.from({ length: agents }, (_, turn) => agent(turn)));
      return { latencies, seconds: (performance.now() - begin) / 1000 };
    });
  }

  async push(client: QueueClient, waiting: number, jobs: number, everyMs: number): Promise<void> {
    const { acknowledged, sent } = await measurePush(client, waiting, jobs, everyMs);
    this.measured.set('enqueue acknowledged to claimed', { ...acknowledged, cpu: {} });
    this.measured.set('enqueue sent to claimed', { ...sent, cpu: {} });
  }

  /** Adds to what was measured of the operation before. */
  async phase(operation: string, work: () => Promise<Timings>): Promise<void> {
    const before = await cpuOf(this.pids);
    const { latencies, seconds } = await work();
    const after = await cpuOf(this.pids);
    const sum = this.measured.get(operation) ?? { latencies: [], seconds: 0, cpu: {} };
    this.measured.set(operation, sum);
    for (const latency of latencies) sum.latencies.push(latency);
    sum.seconds += seconds;
    for (const [name, ms] of Object.entries(after))
      sum.cpu[name] = (sum.cpu[name] ?? 0) + ms - (before[name] ?? 0);
  }
}

/** What is under way at the end is finished, and counted. */
function lasting(
  clients: number,
  seconds: number,
  operation: (turn: number) => Promise<unknown>,
): Promise<Timings> {
  const end = performance.now() + seconds * 1000;
  return repeat(clients, () => performance.now() < end, operation);
}

function callOf(client: QueueClient, call: Call, job_id = ''): (turn: number) => Promise<unknown> {
  switch (call) {
    case 'heartbeat':
      return (turn) => client.heartbeat!(turn);
    case 'stats':
      return () => client.get!('/api/queue/stats');
    case 'explain':
      return () => client.get!(`/api/queue/jobs/${job_id}/explain`);
    case 'list 1000':
      return () => listJobs(client, 5);
  }
}

async function listJobs(client: QueueClient, pages: number): Promise<void> {
  let cursor: string | null = '';
  for (let page = 0; page < pages && cursor !== null; page++) {
    const after: string = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    ({ next_cursor: cursor } = await client.get!<{ next_cursor: string | null }>(
      `/api/queue/jobs?limit=200${after}`,
    ));
  }
}
