/**
 * The queue's replicas, and which of them serves which pools' claims: see docs/adr/0013-scheduling.md. One that cannot
 * reach the event store, or does not follow it, serves none; it heals by itself.
 */
import { queueRequests, type ClaimJobCommand } from '@hybrid/contracts';
import { Answering } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Claims } from '../claims/claims.js';
import { JobIndex } from '../jobs/job-index.js';
import { partitionsOf } from './partitions.js';

const PRESENT_SUBJECT = 'live.queue.replica.present';
const LEAVING_SUBJECT = 'live.queue.replica.leaving';

const TICK_MS = 1_000;
/** After so long a silence the others share out a replica's partitions. */
const SILENCE_MS = 3_000;
/** The others answer whom they hear for the first time; until then a new one does not know with whom it shares. */
const INTRODUCTION_MS = 250;

@Injectable()
export class Replicas implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(Replicas.name);
  /** Other replicas, and when they were last heard of; as performance.now() counts. */
  private readonly others = new Map<string, number>();
  private readonly served = new Map<number, Answering>();
  private readonly ending = new Set<Promise<void>>();
  private readonly id: string;
  private timer?: NodeJS.Timeout;
  private connected = true;
  /** Since when this one serves claims; null: it does not. */
  private wellSince: number | null = null;

  constructor(
    private readonly connections: Connections,
    private readonly index: JobIndex,
    private readonly claims: Claims,
  ) {
    this.id = index.replica;
  }

  get well(): boolean {
    return this.wellSince !== null;
  }

  /** That this one serves. */
  get partitions(): number[] {
    return [...this.served.keys()];
  }

  onApplicationBootstrap(): void {
    const { nats, stopping, eventStoreReach } = this.connections;
    nats.subscribe(PRESENT_SUBJECT, { callback: (_, message) => this.hear(message.string()) });
    nats.subscribe(LEAVING_SUBJECT, { callback: (_, message) => this.forget(message.string()) });
    stopping.addEventListener('abort', () => this.leave(), { once: true });
    eventStoreReach.watch(() => this.look());
    void this.watchConnection();
    this.tick();
  }

  async onModuleDestroy(): Promise<void> {
    this.leave();
    await Promise.all(this.ending);
  }

  private tick(): void {
    this.look();
    const now = performance.now();
    for (const [id, heard] of this.others) if (now - heard > SILENCE_MS) this.others.delete(id);
    this.share();
    if (this.well) this.connections.nats.publish(PRESENT_SUBJECT, this.id);
    this.timer = setTimeout(() => this.tick(), TICK_MS);
  }

  private look(): void {
    if (this.connections.stopping.aborted) return;
    if (!this.connected) this.turn(false, 'it does not reach NATS');
    else if (!this.connections.eventStoreReach.reached) this.turn(false, 'it does not reach the event store');
    else this.turn(this.index.following, 'it does not follow the event store');
  }

  private turn(well: boolean, why: string): void {
    if (well === this.well) return;
    this.wellSince = well ? performance.now() : null;
    this.claims.serve(well);
    if (well) setTimeout(() => this.share(), INTRODUCTION_MS).unref();
    else {
      if (!this.connections.stopping.aborted)
        this.logger.warn(`serves no claims, as ${why}; goes on by itself`);
      this.share();
    }
  }

  /** Serves what is its own by now, and nothing else. */
  private share(): void {
    const introduced = this.wellSince !== null && performance.now() - this.wellSince >= INTRODUCTION_MS - 1;
    const own = new Set(introduced ? partitionsOf(this.id, [this.id, ...this.others.keys()]) : []);
    for (const [partition, answering] of this.served) {
      if (own.has(partition)) continue;
      this.served.delete(partition);
      const ended = answering.stop().finally(() => this.ending.delete(ended));
      this.ending.add(ended);
    }
    for (const partition of own)
      if (!this.served.has(partition)) this.served.set(partition, this.open(partition));
  }

  private open(partition: number): Answering {
    const { subject } = queueRequests.claim;
    return new Answering({
      nats: this.connections.nats,
      subject: `${subject}.${partition}`,
      // For a moment two may serve the same one.
      queue: 'queue',
      name: subject,
      handler: (input, call) => this.claims.claim(input as ClaimJobCommand, call),
      log: (error) => this.logger.error(error),
    });
  }

  private hear(id: string): void {
    if (id === this.id) return;
    const known = this.others.has(id);
    this.others.set(id, performance.now());
    if (known) return;
    if (this.well) this.connections.nats.publish(PRESENT_SUBJECT, this.id);
    this.share();
  }

  private forget(id: string): void {
    if (this.others.delete(id)) this.share();
  }

  private leave(): void {
    clearTimeout(this.timer);
    if (this.well && !this.connections.nats.isClosed())
      this.connections.nats.publish(LEAVING_SUBJECT, this.id);
    this.turn(false, 'it stops');
  }

  /** At once, and not at the next tick: a job must not be given to whoever cannot be told. */
  private async watchConnection(): Promise<void> {
    for await (const { type } of this.connections.nats.status()) {
      if (type === 'disconnect') {
        this.connected = false;
        this.turn(false, 'it does not reach NATS');
      }
      if (type === 'reconnect') this.connected = true;
    }
  }
}
