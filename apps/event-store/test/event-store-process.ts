/** Starts the built event store as its own process, on a free port, and connects the official client to it. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EventStoreDBClient } from '@eventstore/db-client';
import { eventually } from '@hybrid/testing';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const sources = join(root, 'apps/event-store/src');
const bundle = join(root, 'dist/event-store/main.js');
const building = join(root, 'dist/event-store.building');

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** An event store on a directory of its own, with all that was started for a spec; `release` ends and removes it. */
export class EventStoreProcesses {
  private readonly releases: (() => Promise<void>)[] = [];

  /** A new directory, removed at the end. */
  async directory(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'event-store-'));
    this.releases.push(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  /** Starts the process without waiting. `launcher` is a shell's prelude, as `ulimit -f 100`. */
  async launch(environment: Record<string, string>, launcher?: string): Promise<LaunchedProcess> {
    await build();
    const env = { PATH: process.env['PATH'] ?? '', EVENT_STORE_PORT: '0', ...environment };
    const child = launcher
      ? spawn('bash', ['-c', `${launcher}; exec "$0" "$1"`, process.execPath, bundle], { env })
      : spawn(process.execPath, [bundle], { env });
    const launched = new LaunchedProcess(child);
    this.releases.push(() => launched.kill().then(() => undefined));
    return launched;
  }

  /** Starts the process and resolves when it is ready; rejects with what it wrote on stderr when it ends first. */
  async start(directory: string, launcher?: string): Promise<StartedEventStore> {
    const launched = await this.launch({ EVENT_STORE_DATA: directory }, launcher);
    return this.started(launched);
  }

  async started(launched: LaunchedProcess): Promise<StartedEventStore> {
    const started = new StartedEventStore(launched, await launched.port());
    this.releases.push(() => started.disconnect());
    return started;
  }

  async release(): Promise<void> {
    for (const release of this.releases.reverse()) await release();
    this.releases.length = 0;
  }
}

export class LaunchedProcess {
  stdout = '';
  stderr = '';
  readonly exited: Promise<Exit>;

  constructor(private readonly child: ChildProcess) {
    child.stdout?.on('data', (chunk) => (this.stdout += String(chunk)));
    child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)));
    this.exited = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async port(): Promise<number> {
    return eventually(() => {
      if (this.child.exitCode !== null) throw new Error(`The event store ended: ${this.stderr}`);
      return (JSON.parse(this.stdout) as { port: number }).port;
    });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    this.child.kill(signal);
    return this.exited;
  }
}

export class StartedEventStore {
  private readonly clients: EventStoreDBClient[] = [];

  constructor(
    readonly process: LaunchedProcess,
    readonly port: number,
  ) {}

  client(): EventStoreDBClient {
    const client = EventStoreDBClient.connectionString(`esdb://127.0.0.1:${this.port}?tls=false`);
    this.clients.push(client);
    return client;
  }

  async disconnect(): Promise<void> {
    for (const client of this.clients.splice(0)) {
      await client.dispose();
      // The client has no public way to close its channel, which would keep the spec's process alive.
      const channel = await (client as unknown as { getChannel(): Promise<{ close(): void }> }).getChannel();
      channel.close();
    }
  }
}

/** Builds the bundle unless it is newer than its sources; one process at a time, for specs run in parallel. */
async function build(): Promise<void> {
  await eventually(async () => {
    if (isFresh() && !existsSync(building)) return;
    mkdirSync(building, { recursive: false });
    try {
      if (!isFresh())
        await promisify(execFile)(process.execPath, ['tools/build.mjs', 'event-store'], { cwd: root });
    } finally {
      rmdirSync(building);
    }
  });
}

function isFresh(): boolean {
  if (!existsSync(bundle)) return false;
  const built = statSync(bundle).mtimeMs;
  return readdirSync(sources, { recursive: true }).every(
    (file) => statSync(join(sources, String(file))).mtimeMs < built,
  );
}
