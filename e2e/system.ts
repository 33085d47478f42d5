/** The whole system as real processes: servers, services (in one process or each in its own) and agents. */
import type { RegisterAgent } from '@hybrid/contracts';
import { isNatsUser, NATS_USERS, type NatsUser } from '@hybrid/messaging';
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { bundleOf, freePort, startProcess, type RunningProcess } from '@hybrid/servers';
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { frontDoor } from './front-door.js';
import { ask, HandAgent, type Answer, type Ask } from './http/client.js';

export interface System {
  platform: Platform;
  /** Of the gateway; of several of them: of a door that leads to any that listens. */
  url: string;
  adminToken: string;
  joinToken: string;
  /** By name: `standalone`, or `gateway`, `queue-1`, `queue-2` …; and `agent-1` … */
  processes: Map<string, Part>;
  part(name: string): Part;
  startAgent(name: string, options?: AgentOptions): Promise<Part>;
  /** Registers an agent that the spec plays itself. */
  handAgent(pool?: string, more?: Partial<RegisterAgent>): Promise<HandAgent>;
  /** Sends `GET /path` with the administrator's token. */
  admin<T = Record<string, unknown>>(request: string, options?: Ask): Promise<Answer<T>>;
  /** The command line, with the administrator's token. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  stop(): Promise<void>;
}

export interface Part {
  process: RunningProcess;
  /** What it said when it was ready. */
  ready: Record<string, unknown>;
  /** All that it said since it started last. */
  said(): Promise<string>;
  /** SIGKILL, then the same again. */
  killAndRestart(): Promise<void>;
  /** SIGTERM, then again, as the program unless told otherwise. */
  restart(program?: string): Promise<void>;
  /** Stands still (SIGSTOP) until it is resumed. */
  suspend(): void;
  resume(): void;
}

interface AgentOptions {
  capacity?: number;
  args?: string[];
  /** False: not by the join token. */
  joins?: boolean;
  env?: NodeJS.ProcessEnv;
}

/** Two dozen processes start at once on a busy machine. */
const READY_MS = 120_000;

/** What runs as a process of its own. */
const SERVICES = NATS_USERS;
type Service = NatsUser;

interface SystemOptions {
  /** Every service as a process of its own, two of `queue`; else standalone. */
  separate?: boolean;
  /** How many processes of a service, where they are separate; several are called `agents-1`, `agents-2` … */
  replicas?: Partial<Record<Service, number>>;
  env?: NodeJS.ProcessEnv;
  /** For single parts, by name. A function is given the platform: the way to a server may lead through the spec. */
  partEnv?:
    Record<string, NodeJS.ProcessEnv> | ((platform: Platform) => Promise<Record<string, NodeJS.ProcessEnv>>);
  /** Other programs than the app's bundle, by the part's name: paths for `node`. */
  programs?: Record<string, string>;
}

export async function startSystem({
  separate = false,
  replicas = {},
  env = {},
  partEnv = {},
  programs = {},
}: SystemOptions = {}): Promise<System> {
  const platform = await startPlatform();
  const ownEnv = typeof partEnv === 'function' ? await partEnv(platform) : partEnv;
  const services: [name: string, app: string][] = separate
    ? separateServices(replicas)
    : [['standalone', 'standalone']];
  const ports = new Map<string, number>();
  for (const [name, app] of services)
    if (app === 'gateway' || app === 'standalone') ports.set(name, await freePort());
  const door = ports.size > 1 ? await frontDoor([...ports.values()]) : undefined;
  const url = `http://127.0.0.1:${door?.port ?? [...ports.values()][0]}`;
  const directory = platform.directory;
  const logOf = (name: string) => join(directory, `${name}.log`);
  const processes = new Map<string, Part>();
  const settings = {
    ...process.env,
    ...platform.settings,
    HYBRID_HOST: '127.0.0.1',
    // Every route is tried without a right credential, and everybody signs in, from one address.
    HYBRID_RATE_LIMIT_FAILURES: '100000',
    HYBRID_RATE_LIMIT_SIGN_INS: '100000',
    // Specs have issuers of their own.
    HYBRID_PRIVATE_ISSUERS: 'yes',
    HYBRID_PRIVATE_QUEUES: 'yes',
    HYBRID_QUEUE_DIRECTORIES: join(directory, 'queues'),
    HYBRID_QUEUE_CREDENTIALS: join(directory, 'queue-credentials'),
    HYBRID_ADMIN_TOKEN_FILE: join(directory, 'admin-token'),
    HYBRID_JOIN_TOKEN_FILE: join(directory, 'join-token'),
    HYBRID_KEYS_FILE: join(directory, 'keys'),
    HYBRID_ARTIFACTS: join(directory, 'artifacts'),
    ...env,
  };
  const start = async (
    name: string,
    app: string,
    args: string[] = [],
    more: NodeJS.ProcessEnv = {},
  ): Promise<Part> => {
    let program = programs[name] ?? bundleOf(app);
    const launch = () =>
      startProcess({
        name,
        command: process.execPath,
        args: [program, ...args],
        env: {
          ...settings,
          HYBRID_PORT: String(ports.get(name) ?? 0),
          // Each service by its own user: what the table of permissions lacks fails here.
          ...(isNatsUser(app) && { NATS_URL: platform.nats.urlOf(app) }),
          ...ownEnv[name],
          ...more,
        },
        log: logOf(name),
        readyTimeoutMs: READY_MS,
      });
    const first = await launch();
    const part: Part = {
      process: first,
      ready: await first.ready,
      said: () => readFile(logOf(name), 'utf8'),
      async killAndRestart() {
        await part.process.kill();
        part.process = await launch();
        part.ready = await part.process.ready;
      },
      async restart(other) {
        await part.process.stop();
        program = other ?? program;
        part.process = await launch();
        part.ready = await part.process.ready;
      },
      suspend: () => void process.kill(part.process.pid, 'SIGSTOP'),
      resume: () => void process.kill(part.process.pid, 'SIGCONT'),
    };
    processes.set(name, part);
    return part;
  };
  const stop = async () => {
    const agents = [...processes].filter(([name]) => name.startsWith('agent-'));
    await Promise.all(agents.map(([, part]) => part.process.stop()));
    await Promise.all([...processes.values()].map((part) => part.process.stop()));
    await door?.close();
    const denied = await denials(directory, processes.keys());
    await platform.stop();
    if (denied.length > 0) throw new Error(`permissions are missing:\n${denied.join('\n')}`);
  };
  const started = await Promise.allSettled(services.map(([name, app]) => start(name, app)));
  const failed = started.find((outcome) => outcome.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const tokenIn = async (file: string) => (await readFile(file, 'utf8')).trim();
  const adminToken = await tokenIn(settings.HYBRID_ADMIN_TOKEN_FILE);
  const joinToken = await tokenIn(settings.HYBRID_JOIN_TOKEN_FILE);
  return {
    platform,
    url,
    adminToken,
    joinToken,
    processes,
    part(name) {
      const part = processes.get(name);
      if (!part) throw new Error(`there is no ${name}; there are ${[...processes.keys()].join(', ')}`);
      return part;
    },
    async startAgent(name, { capacity = 2, args = [], joins = true, env: more } = {}) {
      const data = join(directory, name);
      await mkdir(data, { recursive: true });
      const flags = [
        '--url',
        url,
        '--name',
        name,
        '--data',
        data,
        ...(joins ? ['--join-token-file', settings.HYBRID_JOIN_TOKEN_FILE] : []),
      ];
      const allowed = ['--allow-host', '--allow-local-repositories'];
      const executor = ['--executor', 'process', ...allowed, '--capacity', String(capacity)];
      return start(name, 'agent', [...flags, ...executor, ...args], {
        HYBRID_JOIN_TOKEN_FILE: undefined,
        ...more,
      });
    },
    handAgent: (pool, more) => HandAgent.register(url, joinToken, pool, more),
    admin: (request, options) => ask(url, request, { token: adminToken, ...options }),
    cli: (...args) =>
      new Promise((done) => {
        const env = { PATH: process.env['PATH'], HYBRID_URL: url, HYBRID_TOKEN: adminToken };
        const child = execFile(process.execPath, [bundleOf('cli'), ...args], { env }, (_, stdout, stderr) =>
          done({ code: child.exitCode ?? -1, stdout, stderr }),
        );
      }),
    stop,
  };
}

/** What NATS did not let a service do: a gap in the table of permissions, also where nobody missed it. */
async function denials(directory: string, names: Iterable<string>): Promise<string[]> {
  const logs = await Promise.all(
    [...names].map((name) => readFile(join(directory, `${name}.log`), 'utf8').catch(() => '')),
  );
  return logs.flatMap((log) => log.split('\n').filter((line) => line.includes('NATS does not let it')));
}

function separateServices(replicas: Partial<Record<Service, number>>): [name: string, app: Service][] {
  return SERVICES.flatMap((app) => {
    const count = replicas[app] ?? (app === 'queue' ? 2 : 1);
    const numbered = count > 1 || app === 'queue';
    return Array.from({ length: count }, (_, index): [string, Service] => [
      numbered ? `${app}-${index + 1}` : app,
      app,
    ]);
  });
}
