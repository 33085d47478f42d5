import type { ServiceHealth, Finding } from '@hybrid/contracts';
import {
  connectEventStore,
  connectPostgres,
  disposeEventStore,
  greetEventStore,
  Projector,
  readWithin,
  ReadModel,
  Relay,
  type Projection,
  type Publisher,
} from '@hybrid/event-store';
import { connectNats, Requests } from '@hybrid/messaging';
import type { EventStoreDBClient } from '@eventstore/db-client';
import { Global, Logger, Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import type { NatsConnection } from '@nats-io/transport-node';
import { setMaxListeners } from 'node:events';
import type { Pool } from 'pg';
import { EventStoreReach } from './event-store-reach.js';
import type { ServerSettings } from './settings.js';
import { unsafeSettings } from './unsafe-settings.js';

declare const HYBRID_VERSION: string;
const version = typeof HYBRID_VERSION === 'string' ? HYBRID_VERSION : 'development';

/** An answer that takes longer is none. */
const HEALTH_MS = 1_000;

/** The servers that every service talks to; one set per process. */
export class Connections {
  readonly requests: Requests;
  readonly eventStoreReach: EventStoreReach;
  private readonly stop = new AbortController();
  private readonly readModels = new Map<Projection, ReadModel>();
  private readonly projectors: Projector[] = [];
  private readonly background: { stop(): Promise<void> }[] = [];

  private constructor(
    readonly nats: NatsConnection,
    readonly eventStore: EventStoreDBClient,
    /** With a connection more for each read model and relay, as these hold one all the time for their locks. */
    readonly pool: Pool,
    /** For threads, which need a connection of their own. */
    readonly eventStoreUrl: string,
    private readonly findings: Finding[],
  ) {
    this.requests = new Requests(nats);
    this.eventStoreReach = new EventStoreReach(eventStore, this.stop.signal);
    // Each read model, relay and waiting request has one, and that is no leak.
    setMaxListeners(0, this.stop.signal);
  }

  /** Waits for NATS; checks that PostgreSQL answers, and that no server refuses this process. @throws Error that names the server and the setting. */
  static async open(settings: ServerSettings, name: string): Promise<Connections> {
    const pool = connectPostgres(settings.DATABASE_URL, name);
    try {
      await pool.query('select 1');
    } catch (cause) {
      throw new Error(
        `PostgreSQL does not answer (DATABASE_URL): ${cause instanceof Error ? cause.message : 'unknown'}`,
        {
          cause,
        },
      );
    }
    const eventStore = connectEventStore(settings.EVENTSTORE_URL);
    await greetEventStore(eventStore, settings.EVENTSTORE_URL);
    return new Connections(
      await connectNats(settings.NATS_URL, name, {
        caFile: settings.NATS_CA_FILE,
        certFile: settings.NATS_CERT_FILE,
        keyFile: settings.NATS_KEY_FILE,
      }),
      eventStore,
      pool,
      settings.EVENTSTORE_URL,
      unsafeSettings(settings),
    );
  }

  /** Reads one event of each server's; `down` when it does not answer within a second. Tells what is unsafe, too. */
  async health(service: string): Promise<ServiceHealth> {
    const [eventStore, postgres] = await Promise.all([
      answers(async () => {
        for await (const _ of readWithin(HEALTH_MS, this.eventStore.readAll({ maxCount: 1 })));
      }),
      answers(() => this.pool.query('select 1')),
    ]);
    const dependencies = {
      nats: this.nats.isClosed() ? 'down' : 'up',
      event_store: eventStore,
      postgres,
    } as const;
    const healthy = Object.values(dependencies).every((state) => state === 'up');
    return {
      service,
      status: healthy ? 'healthy' : 'unhealthy',
      dependencies,
      version,
      findings: this.findings,
    };
  }

  /** Aborted when the process is asked to stop: whatever waits for something to come shall answer now. */
  get stopping(): AbortSignal {
    return this.stop.signal;
  }

  /** Before the application is closed: its transport waits for the requests that it still answers. */
  beginStop(): void {
    this.stop.abort();
  }

  /** Keeps a read model until `close`; resolves when its tables are there. */
  async project(projection: Projection): Promise<void> {
    const projector = new Projector(this.eventStore, this.pool, projection, tell(projection.name), {
      reach: this.eventStoreReach,
    });
    this.projectors.push(projector);
    this.background.push(projector);
    this.pool.options.max++;
    await projector.start();
  }

  /** The read models of a service that this process keeps, as far as they are started. */
  projectorsOf(service: string): Projector[] {
    return this.projectors.filter(({ projection }) => projection.schema === service);
  }

  /** What lists are answered from. One for all who ask, so that those who wait for the same wait together. */
  readModel(projection: Projection): ReadModel {
    let found = this.readModels.get(projection);
    if (!found) this.readModels.set(projection, (found = new ReadModel(this, projection)));
    return found;
  }

  /** Tells the others of a service's events until `close`. */
  publish(publisher: Publisher): void {
    const relay = new Relay(
      { client: this.eventStore, nats: this.nats, pool: this.pool },
      publisher,
      tell(publisher.service),
      { reach: this.eventStoreReach },
    );
    this.background.push(relay);
    this.pool.options.max++;
    relay.start();
  }

  async close(): Promise<void> {
    await Promise.all(this.background.map((part) => part.stop()));
    await this.nats.drain();
    await disposeEventStore(this.eventStore);
    await this.pool.end();
  }
}

/** Warnings mend themselves; an error is for somebody to look at. */
function tell(name: string): (message: string, severity?: 'warning' | 'error') => void {
  const logger = new Logger(name);
  return (message, severity) => void (severity === 'error' ? logger.error(message) : logger.warn(message));
}

async function answers(work: () => Promise<unknown>): Promise<'up' | 'down'> {
  try {
    await work();
    return 'up';
  } catch {
    return 'down';
  }
}

@Global()
@Module({})
export class ConnectionsModule implements OnApplicationShutdown {
  constructor(private readonly connections: Connections) {}

  static with(connections: Connections): DynamicModule {
    return {
      module: ConnectionsModule,
      providers: [{ provide: Connections, useValue: connections }],
      exports: [Connections],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.connections.close();
  }
}
