import { meter } from '@hybrid/telemetry';
import { Connections as Servers } from '@hybrid/service';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { Backlogs } from '../connections/backlogs.js';
import { CustomerConnections } from '../connections/customer-connections.js';
import { CustomerQueues } from '../connections/customer-queues.js';
import { Deliveries } from '../deliveries/deliveries.js';
import { Relays } from '../relays/relays.js';
import { ConnectionLoop, type LoopParts } from './connection-loop.js';

/** How soon a connection that was made, changed or paused is noticed. */
const LOOK_MS = 1_000;
const backlog = meter.createObservableGauge('hybrid_routing_backlog_messages', {
  description: 'Messages on customers’ queues of a kind, as far as they tell; every replica reports the same',
});
type Observer = Parameters<typeof backlog.addCallback>[0];

/** Every replica polls every connection: queues share their messages among readers by themselves. */
@Injectable()
export class ConnectionLoops implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(ConnectionLoops.name);
  private readonly parts: LoopParts;
  private readonly loops = new Map<string, ConnectionLoop>();
  private readonly ending = new Map<string, Promise<void>>();
  /** Of each connection, as far as it was looked at. */
  private readonly seen = new Map<string, string>();
  private timer?: NodeJS.Timeout;
  private looking: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(
    servers: Servers,
    private readonly connections: CustomerConnections,
    queues: CustomerQueues,
    private readonly backlogs: Backlogs,
    deliveries: Deliveries,
    relays: Relays,
  ) {
    this.parts = { servers, connections, queues, backlogs, deliveries, relays };
  }

  onApplicationBootstrap(): void {
    backlog.addCallback(this.observe);
    // Loops begin to end with the process, before the servers' connections are closed.
    this.parts.servers.stopping.addEventListener('abort', () => void this.stop(), { once: true });
    this.later(0);
  }

  async beforeApplicationShutdown(): Promise<void> {
    backlog.removeCallback(this.observe);
    await this.stop();
  }

  private async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
    await Promise.all([...this.ending.values(), ...[...this.loops.values()].map((loop) => loop.stop())]);
  }

  private later(ms = LOOK_MS): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.looking = this.look().finally(() => this.later());
    }, ms);
  }

  private async look(): Promise<void> {
    let revisions: Map<string, string>;
    try {
      revisions = await this.connections.revisions();
    } catch (error) {
      return this.again('connections', error);
    }
    for (const id of this.seen.keys())
      if (!revisions.has(id)) {
        this.seen.delete(id);
        void this.end(id);
      }
    for (const [id, revision] of revisions)
      if (this.seen.get(id) !== revision)
        try {
          await this.lookAt(id);
          this.seen.set(id, revision);
        } catch (error) {
          this.again(`connection ${id}`, error);
        }
  }

  private async lookAt(id: string): Promise<void> {
    const { org, state } = await this.connections.open(id);
    const { configured, paused, deleted } = state;
    const wanted = org !== null && configured && paused === null && !deleted ? configured : null;
    const loop = this.loops.get(id);
    if (loop && !loop.stopped && loop.configured.version === wanted?.version) return loop.wake();
    const ended = this.end(id);
    if (!wanted || this.stopped) return;
    this.loops.set(id, new ConnectionLoop(this.parts, id, org!, wanted, ended));
  }

  /** A queue that hangs takes long to end: its own next loop waits for that, and nobody else's. */
  private end(id: string): Promise<void> {
    const loop = this.loops.get(id);
    if (!loop) return this.ending.get(id) ?? Promise.resolve();
    this.loops.delete(id);
    const ended = loop.stop().finally(() => {
      if (this.ending.get(id) === ended) this.ending.delete(id);
    });
    this.ending.set(id, ended);
    return ended;
  }

  private again(what: string, error: unknown): void {
    this.logger.warn(`${what}: ${error instanceof Error ? error.message : String(error)}; looking again`);
  }

  /** Without names of connections: figures are for everybody. */
  private readonly observe: Observer = async (result) => {
    const backlogs = await this.backlogs.of([...this.loops.keys()]);
    const byKind = new Map<string, number>();
    for (const [id, loop] of this.loops) {
      const { kind } = loop.configured.configuration.queue;
      byKind.set(kind, (byKind.get(kind) ?? 0) + (backlogs.get(id)?.messages ?? 0));
    }
    for (const [kind, messages] of byKind) result.observe(messages, { kind });
  };
}
