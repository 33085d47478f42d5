/** The system itself as it runs in production, each service a process (or all in one: standalone), on servers of its own. */
import type { RegisteredAgent } from '@hybrid/contracts';
import {
  bundleOf,
  freePort,
  startEventStore,
  startNats,
  startPostgres,
  startProcess,
  type RunningProcess,
} from '@hybrid/servers';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import type { BenchAgent, Target } from './plan.js';

/**
 * Agents whose heartbeats nobody sends while a peer is measured must not be declared dead meanwhile: their jobs would be
 * requeued, and each change of health is an event.
 */
const PATIENT = {
  HYBRID_AGENT_DEGRADED_SECONDS: '3000',
  HYBRID_AGENT_OFFLINE_SECONDS: '6000',
  HYBRID_AGENT_DEAD_SECONDS: '9000',
};

export interface OwnSystem {
  url: string;
  adminToken: string;
  eventStoreUrl: string;
  /** Of its processes, by name. */
  pids(): Record<string, number>;
  /** Agents of `pools` pools in turn; the same ones for the same numbers. */
  target(agents: number, pools?: number): Promise<Target & { kind: 'hybrid' }>;
  /** So many replicas of the queue run afterwards. Not of standalone. */
  scaleQueue(replicas: number): Promise<void>;
  /** The sum of a metric over the queue's replicas. */
  metric(name: string): Promise<number>;
  /** As an administrator. @throws Error with the reply. */
  get<T>(path: string): Promise<T>;
  stop(): Promise<void>;
}

interface OwnSystemOptions {
  standalone?: boolean;
  /** Beside queue, agents and gateway. */
  services?: string[];
  env?: NodeJS.ProcessEnv;
}

interface Replica {
  process: RunningProcess;
  metricsPort: number;
}

/** @param directory everything it writes is in there. */
export async function startOwnSystem(
  directory: string,
  cleanup: Cleanup,
  { standalone = false, services = [], env: given = {} }: OwnSystemOptions = {},
): Promise<OwnSystem> {
  await mkdir(directory, { recursive: true });
  const own: (() => Promise<unknown>)[] = [];
  /** Once, last first: at the end of its part, or with everything else. */
  const stop = async () => {
    for (let step = own.pop(); step; step = own.pop()) await step();
  };
  cleanup.add(stop);
  const started = async <T extends { stop(): Promise<unknown> }>(starting: Promise<T>): Promise<T> => {
    const server = await starting;
    own.push(() => server.stop());
    return server;
  };
  const [nats, postgres, eventStore] = await Promise.all([
    started(startNats({ dataDir: join(directory, 'nats') })),
    started(startPostgres({ dataDir: join(directory, 'postgres') })),
    started(startEventStore({ dataDir: join(directory, 'event-store') })),
  ]);
  const port = await freePort();
  const env = {
    ...process.env,
    ...PATIENT,
    NATS_URL: nats.url,
    DATABASE_URL: postgres.url,
    EVENTSTORE_URL: eventStore.url,
    HYBRID_HOST: '127.0.0.1',
    // One client is all callers here: counted as always, and never too many.
    HYBRID_RATE_LIMIT_ADDRESS: '1000000000',
    HYBRID_RATE_LIMIT_CALLER: '1000000000',
    HYBRID_RATE_LIMIT_ORGANISATION: '1000000000',
    HYBRID_PORT: String(port),
    HYBRID_ADMIN_TOKEN_FILE: join(directory, 'admin-token'),
    HYBRID_JOIN_TOKEN_FILE: join(directory, 'join-token'),
    HYBRID_KEYS_FILE: join(directory, 'keys'),
    HYBRID_ARTIFACTS: join(directory, 'artifacts'),
    ...given,
  };
  const processes: Record<string, RunningProcess> = {};
  const start = async (name: string, app: string, more: NodeJS.ProcessEnv = {}): Promise<RunningProcess> => {
    const service = await started(
      startProcess({
        name,
        command: process.execPath,
        args: [bundleOf(app)],
        env: { ...env, ...more },
        log: join(directory, `${name}.log`),
      }),
    );
    await service.ready;
    processes[name] = service;
    return service;
  };
  const replicas: Replica[] = [];
  const startQueue = async () => {
    const metricsPort = await freePort();
    const more = { HYBRID_METRICS_PORT: String(metricsPort) };
    const name = standalone ? 'standalone' : `queue-${replicas.length + 1}`;
    replicas.push({ process: await start(name, standalone ? 'standalone' : 'queue', more), metricsPort });
  };
  await startQueue();
  if (!standalone) {
    await start('agents', 'agents');
    for (const service of services) await start(service, service);
    await start('gateway', 'gateway');
  }
  const url = `http://127.0.0.1:${port}`;
  const [adminToken, joinToken] = await Promise.all(
    [env.HYBRID_ADMIN_TOKEN_FILE, env.HYBRID_JOIN_TOKEN_FILE].map(async (file) =>
      (await readFile(file, 'utf8')).trim(),
    ),
  );
  const agents = new Map<string, BenchAgent>();
  const agentOf = async (number: number, pool: string): Promise<BenchAgent> => {
    const name = `${pool}-${number}`;
    const known = agents.get(name);
    if (known) return known;
    const body = { name, pool, capacity: 100 };
    const registered = await request<RegisteredAgent>(`${url}/api/agents/register`, joinToken!, body);
    agents.set(name, registered);
    return registered;
  };
  return {
    url,
    adminToken: adminToken!,
    eventStoreUrl: eventStore.url,
    pids: () => ({
      ...Object.fromEntries(Object.entries(processes).map(([name, { pid }]) => [name, pid])),
      nats: nats.process.pid,
      postgres: postgres.process.pid,
      'event-store': eventStore.process.pid,
    }),
    async target(count, pools = 1) {
      const all: BenchAgent[] = [];
      for (let number = 0; number < count; number++)
        all.push(await agentOf(number, `bench-${(number % pools) + 1}-of-${pools}`));
      return { kind: 'hybrid', url, adminToken: adminToken!, agents: all };
    },
    async scaleQueue(wanted) {
      while (replicas.length < wanted) await startQueue();
      for (const { process: replica } of replicas.splice(wanted)) {
        delete processes[replica.name];
        await replica.stop();
      }
    },
    async metric(name) {
      const texts = await Promise.all(
        replicas.map(async ({ metricsPort }) =>
          (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text(),
        ),
      );
      return texts.reduce((sum, text) => sum + sumOf(text, name), 0);
    },
    get: (path) => request(url + path, adminToken!),
    stop,
  };
}

/** Of all lines of the metric, whatever their labels. 0 where it was not counted yet. */
function sumOf(text: string, name: string): number {
  const values = text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)`, 'gm'));
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}

async function request<T>(url: string, token: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
