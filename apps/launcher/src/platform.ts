/** The whole platform on one machine: which parts there are, in which order they start and stop. */
import {
  startEventStore,
  startNats,
  startPostgres,
  startProcess,
  startServer,
  type Server,
  type ServerWithUrl,
} from '@hybrid/servers';
import type { DataDirectory } from './data-directory.js';
import { LaunchError } from './errors.js';
import type { Progress } from './progress.js';
import type { Sandbox } from './sandbox.js';
import { supervise } from './supervisor.js';

/** Paths of the bundles. */
export interface Programs {
  standalone: string;
  agent: string;
}

export interface Platform {
  readonly url: string;
  /** Starts the agent and resolves when it takes jobs; answers its executor. */
  startAgent(sandbox: Promise<Sandbox>): Promise<string>;
  /** Rejects with LaunchError when a part dies too often; never resolves. */
  readonly failure: Promise<never>;
  /** Stops everything in reverse order: within a second or two, unless a step does not want to end. */
  stop(): Promise<void>;
}

/**
 * How long each part may take to stop, in milliseconds. The agent gives its jobs AGENT_DRAIN_SECONDS, and a step that
 * does not heed SIGTERM ten more; all others are quick.
 */
const GRACE = { agent: 20_000, standalone: 3_000, server: 2_000 };
const AGENT_DRAIN_SECONDS = 3;
const AGENT_CAPACITY = 2;

/** Resolves when the platform serves. On failure everything that was started is stopped again. */
export async function startPlatform(
  data: DataDirectory,
  port: number,
  programs: Programs,
  progress: Progress,
): Promise<Platform> {
  const stopping = new AbortController();
  const started: { server: Server; graceMs: number }[] = [];
  let fail: (error: unknown) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => (fail = reject));
  failure.catch(() => undefined);

  const keep = <T extends Server>(server: T, graceMs: number): T => {
    started.push({ server, graceMs });
    supervise(server, { say: progress.note, signal: stopping.signal }).catch(fail);
    return server;
  };
  const log = (name: string) => `${data.folder('logs')}/${name}.log`;
  const own = {
    ...process.env,
    HYBRID_ADMIN_TOKEN: undefined,
    HYBRID_JOIN_TOKEN: undefined,
    HYBRID_KEYS: undefined,
  };

  const node = (name: string, program: string, args: string[], env: NodeJS.ProcessEnv) =>
    startServer(name, async () => {
      const part = await startProcess({
        name,
        command: process.execPath,
        args: [program, ...args],
        env,
        log: log(name),
      });
      await part.ready;
      return part;
    });

  async function stop(): Promise<void> {
    stopping.abort();
    const servers = started.filter(({ graceMs }) => graceMs === GRACE.server);
    const apps = started.filter(({ graceMs }) => graceMs !== GRACE.server).reverse();
    for (const { server, graceMs } of apps) await server.stop(graceMs);
    await Promise.all(servers.map(({ server, graceMs }) => server.stop(graceMs)));
  }

  try {
    progress.line('starting nats, postgres and event-store');
    const up = async (name: string, start: Promise<ServerWithUrl>) =>
      keep(await progress.timed(name, start), GRACE.server);
    const servers = await Promise.allSettled([
      up('nats', startNats({ dataDir: data.folder('nats'), log: log('nats'), say: progress.line })),
      up('postgres', startPostgres({ dataDir: data.folder('postgres'), log: log('postgres') })),
      up('event-store', startEventStore({ dataDir: data.folder('event-store'), log: log('event-store') })),
    ]);
    const [nats, postgres, eventStore] = servers.map((result) => {
      if (result.status === 'rejected') throw result.reason;
      return result.value.url;
    });
    const standalone = node('standalone', programs.standalone, [], {
      // All of it is on one machine, and of one person.
      HYBRID_PRIVATE_ISSUERS: 'yes',
      HYBRID_PRIVATE_QUEUES: 'yes',
      HYBRID_QUEUE_DIRECTORIES: data.folder('queues'),
      HYBRID_QUEUE_CREDENTIALS: data.folder('queue-credentials'),
      ...own,
      NATS_URL: nats,
      DATABASE_URL: postgres,
      EVENTSTORE_URL: eventStore,
      HYBRID_HOST: '127.0.0.1',
      HYBRID_PORT: `${port}`,
      HYBRID_ADMIN_TOKEN_FILE: data.adminTokenFile,
      HYBRID_JOIN_TOKEN_FILE: data.joinTokenFile,
      HYBRID_KEYS_FILE: data.keysFile,
      HYBRID_ARTIFACTS: data.folder('artifacts'),
      HYBRID_ENVIRONMENT: 'local',
    });
    keep(await progress.timed('standalone', standalone), GRACE.standalone);
  } catch (error) {
    await stop();
    throw error;
  }

  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    failure,
    stop,
    async startAgent(choice) {
      const sandbox = await choice;
      const args = ['--url', url, '--name', 'local', '--data', data.folder('agent'), '--allow-host'];
      // It runs what the same person has on the same machine.
      args.push('--allow-local-repositories');
      args.push('--join-token-file', data.joinTokenFile, '--capacity', `${AGENT_CAPACITY}`);
      args.push('--executor', sandbox.executor, '--default-image', sandbox.image);
      args.push('--drain-timeout', `${AGENT_DRAIN_SECONDS}`);
      const agent = keep(
        await progress.timed('agent', node('agent', programs.agent, args, own)),
        GRACE.agent,
      );
      const { executor } = (await agent.process.ready) as { executor?: string };
      if (executor === undefined)
        throw new LaunchError(`the agent does not say how it runs steps; see ${log('agent')}`);
      return executor;
    },
  };
}
