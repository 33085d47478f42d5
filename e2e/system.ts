/** The whole system as real processes: servers, services (in one process or each in its own) and agents. */
import { startPlatform, type Platform } from '@hybrid/test-platform';
import { bundleOf, freePort, startProcess, type RunningProcess } from '@hybrid/servers';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface System {
  platform: Platform;
  url: string;
  adminToken: string;
  /** By name: `standalone`, or `gateway`, `queue-1`, `queue-2` …; and `agent-1` … */
  processes: Map<string, Part>;
  startAgent(name: string, options?: AgentOptions): Promise<Part>;
  api<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; body: T }>;
  stop(): Promise<void>;
}

export interface Part {
  process: RunningProcess;
  /** What it said when it was ready. */
  ready: Record<string, unknown>;
  /** SIGKILL, then the same again. */
  killAndRestart(): Promise<void>;
}

interface AgentOptions {
  capacity?: number;
  args?: string[];
  env?: NodeJS.ProcessEnv;
}

interface SystemOptions {
  /** Every service as a process of its own, two of `queue`; else standalone. */
  separate?: boolean;
  env?: NodeJS.ProcessEnv;
}

export async function startSystem({ separate = false, env = {} }: SystemOptions = {}): Promise<System> {
  const platform = await startPlatform();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const directory = platform.directory;
  const processes = new Map<string, Part>();
  const settings = {
    ...process.env,
    ...platform.settings,
    HYBRID_HOST: '127.0.0.1',
    HYBRID_PORT: String(port),
    HYBRID_ADMIN_TOKEN_FILE: join(directory, 'admin-token'),
    HYBRID_JOIN_TOKEN_FILE: join(directory, 'join-token'),
    HYBRID_ARTIFACTS: join(directory, 'artifacts'),
    ...env,
  };
  const start = async (
    name: string,
    app: string,
    args: string[] = [],
    more: NodeJS.ProcessEnv = {},
  ): Promise<Part> => {
    const launch = () =>
      startProcess({
        name,
        command: process.execPath,
        args: [bundleOf(app), ...args],
        env: { ...settings, ...more },
        log: join(directory, `${name}.log`),
      });
    const first = await launch();
    const part: Part = {
      process: first,
      ready: await first.ready,
      async killAndRestart() {
        await part.process.kill();
        part.process = await launch();
        part.ready = await part.process.ready;
      },
    };
    processes.set(name, part);
    return part;
  };
  const services = separate
    ? [
        ['queue-1', 'queue'],
        ['queue-2', 'queue'],
        ['pipelines', 'pipelines'],
        ['agents', 'agents'],
        ['registry', 'registry'],
        ['gateway', 'gateway'],
      ]
    : [['standalone', 'standalone']];
  await Promise.all(services.map(([name, app]) => start(name!, app!)));
  const adminToken = (await readFile(settings.HYBRID_ADMIN_TOKEN_FILE, 'utf8')).trim();
  return {
    platform,
    url,
    adminToken,
    processes,
    async startAgent(name, { capacity = 2, args = [], env: more } = {}) {
      const data = join(directory, name);
      await mkdir(data, { recursive: true });
      const flags = [
        '--url',
        url,
        '--name',
        name,
        '--data',
        data,
        '--join-token-file',
        settings.HYBRID_JOIN_TOKEN_FILE,
      ];
      const executor = ['--executor', 'process', '--allow-host', '--capacity', String(capacity)];
      return start(name, 'agent', [...flags, ...executor, ...args], more);
    },
    async api<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          authorization: `Bearer ${adminToken}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      const json = /json/.test(response.headers.get('content-type') ?? '');
      return { status: response.status, body: (json ? JSON.parse(text) : text) as T };
    },
    async stop() {
      const agents = [...processes].filter(([name]) => name.startsWith('agent-'));
      await Promise.all(agents.map(([, part]) => part.process.stop()));
      await Promise.all([...processes.values()].map((part) => part.process.stop()));
      await platform.stop();
    },
  };
}
