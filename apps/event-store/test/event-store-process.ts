/** Starts the built event store as its own process, on a free port, and connects the official client to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventStoreDBClient } from '@eventstore/db-client';
import { launch, type LaunchedProcess } from './launched-process.js';

export { LaunchedProcess, type Exit } from './launched-process.js';

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
    const launched = await launch(environment, launcher);
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
    for (const client of this.clients.splice(0)) await closeClient(client);
  }
}

/** Ends the client's calls and its connection. */
export async function closeClient(client: EventStoreDBClient): Promise<void> {
  await client.dispose();
  // The client has no public way to close its channel, which would keep the spec's process alive.
  const channel = await (client as unknown as { getChannel(): Promise<{ close(): void }> }).getChannel();
  channel.close();
}
