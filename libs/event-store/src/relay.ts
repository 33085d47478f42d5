/**
 * Carries stored events to JetStream: at least once, in the order of each stream, one active relay per service.
 * It keeps no checkpoint of its own: the last event that the stream EVENTS holds says up to where all are there (see
 * ADR 4), so that a wiped NATS gets everything again.
 */
import { understoodTypes } from '@hybrid/decider';
import { ensureStreams } from '@hybrid/messaging';
import { meter } from '@hybrid/telemetry';
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { whileLocked, type LockOptions } from './lock.js';
import { Carriage, type Publisher } from './relay-carriage.js';
import { subscribe, type Batch } from './subscribe.js';

export type { Publisher } from './relay-carriage.js';

interface Servers {
  client: EventStoreDBClient;
  nats: NatsConnection;
  pool: Pool;
}

/** A newer replica that waits for the lock gets it the first time; more is for one that only starts. */
const LEAVE_TIMES = 5;

const positions = meter.createObservableGauge('hybrid_relay_position', {
  description: 'commit position up to which the active relay has carried everything',
});
const lags = meter.createObservableGauge('hybrid_relay_lag', {
  unit: 's',
  description: 'age of the oldest event that the active relay has read and not carried yet',
});

type Observe = Parameters<typeof positions.addCallback>[0];

export class Relay {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** Everything up to here is in JetStream. */
  private done: Position | null = null;
  /** The oldest event of the batch under way. */
  private oldest: Date | null = null;
  private readonly known: Set<string>;
  /** Types that this version does not know: how often the lock was left to others for their sake. */
  private readonly left = new Map<string, number>();

  /** @param lock see `whileLocked`. */
  constructor(
    private readonly servers: Servers,
    private readonly publisher: Publisher,
    private readonly log: (message: string) => void,
    private readonly lock: LockOptions = {},
  ) {
    this.known = new Set(understoodTypes(publisher.events));
  }

  start(): void {
    const { service } = this.publisher;
    this.running = whileLocked(
      this.servers.pool,
      `relay:${service}`,
      this.stopping.signal,
      this.log,
      (_, signal, stillHeld) => this.measured(() => this.carry(signal, stillHeld)),
      this.lock,
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Only the active relay has anything to say. */
  private async measured(work: () => Promise<void>): Promise<void> {
    const { service } = this.publisher;
    const position: Observe = (result) => {
      if (this.done) result.observe(Number(this.done.commit), { service });
    };
    const lag: Observe = (result) =>
      result.observe(this.oldest ? Math.max(0, Date.now() - this.oldest.getTime()) / 1000 : 0, { service });
    positions.addCallback(position);
    lags.addCallback(lag);
    try {
      await work();
    } finally {
      positions.removeCallback(position);
      lags.removeCallback(lag);
    }
  }

  private async carry(locked: AbortSignal, stillHeld: () => boolean): Promise<void> {
    const { client, nats } = this.servers;
    const leave = new AbortController();
    const ending = AbortSignal.any([locked, leave.signal]);
    while (!ending.aborted) {
      const cut = new AbortController();
      const watch = watchLine(nats, () => cut.abort());
      const signal = AbortSignal.any([ending, cut.signal]);
      const carriage = new Carriage(nats, this.publisher, () => !signal.aborted && stillHeld());
      try {
        await subscribe({
          client,
          prefixes: this.publisher.prefixes,
          signal,
          log: this.log,
          from: async () => {
            await ensureStreams(nats);
            return (this.done = await carriage.begin());
          },
          handle: async (batch) => {
            this.oldest = batch.events[0]?.created ?? null;
            const stranger = this.strangerIn(batch);
            if (stranger) {
              this.log(
                `relay:${this.publisher.service}: ${stranger} is of a newer version; leaving the lock to it`,
              );
              leave.abort();
              throw new Error(`the type ${stranger} is unknown to this version`);
            }
            await carriage.carry(batch);
            this.done = batch.position;
            this.oldest = null;
          },
        });
        // What is asked before the reconnection is lost, and waited for in vain.
        if (!ending.aborted) await Promise.race([watch.back, aborted(ending)]);
      } finally {
        watch.stop();
      }
    }
  }

  /**
   * A type for whose sake the lock is left to others: while versions are mixed, a newer replica carries what this one
   * would pass over for ever. Where nobody comes who knows it, it is passed over.
   */
  private strangerIn({ events }: Batch): string | undefined {
    const types = new Set(events.map(({ event }) => event.type));
    const stranger = [...types].find(
      (type) => !this.known.has(type) && (this.left.get(type) ?? 0) < LEAVE_TIMES,
    );
    if (stranger) this.left.set(stranger, (this.left.get(stranger) ?? 0) + 1);
    return stranger;
  }
}

/**
 * The server after a cut may be another one, or an empty one: it is asked again what it has. `cut` is called at the cut
 * and not only at the reconnection: what is published in between could be sent to whichever server comes next.
 */
function watchLine(nats: NatsConnection, cut: () => void): { back: Promise<void>; stop: () => void } {
  const status = nats.status() as AsyncIterable<{ type: string }> & { stop?: () => void };
  const back = (async () => {
    for await (const { type } of status) {
      if (type !== 'disconnect' && type !== 'reconnect') continue;
      cut();
      if (type === 'reconnect') return;
    }
  })();
  return { back, stop: () => status.stop?.() };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
