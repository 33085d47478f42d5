/**
 * Carries stored events to JetStream: at least once, in the order of the log, one active relay per service.
 * It keeps no checkpoint of its own: it goes on after the last event that the stream EVENTS holds, so that a wiped NATS
 * gets everything again.
 */
import { EVENTS_STREAM, eventSubject, type CallContext, type PublicEvent } from '@hybrid/contracts';
import { callHeaders, ensureStreams } from '@hybrid/messaging';
import type { EventStoreDBClient, Position } from '@eventstore/db-client';
import { jetstream, JetStreamApiError, type JetStreamClient } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Pool } from 'pg';
import { whileLocked } from './lock.js';
import type { StoredEvent } from './stored-event.js';
import { subscribe } from './subscribe.js';

const POSITION_HEADER = 'Hybrid-Position';

/** What others get to see of a stored event: noun and event (kebab-case) of the subject, and the data. */
export interface Published {
  noun: string;
  event: string;
  /** `JobChanged`: the type of the data, for clients. */
  type: string;
  data: object;
}

export interface Publisher {
  service: string;
  prefixes: string[];
  /** Null: the event stays private. */
  publish(stored: StoredEvent): Published | null;
}

interface Servers {
  client: EventStoreDBClient;
  nats: NatsConnection;
  pool: Pool;
}

export class Relay {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  constructor(
    private readonly servers: Servers,
    private readonly publisher: Publisher,
    private readonly log: (message: string) => void,
  ) {}

  start(): void {
    const name = `relay:${this.publisher.service}`;
    this.running = whileLocked(this.servers.pool, name, this.stopping.signal, this.log, (_, signal) =>
      this.carry(signal),
    );
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async carry(signal: AbortSignal): Promise<void> {
    const { client, nats } = this.servers;
    while (!signal.aborted) {
      const reconnected = new AbortController();
      const watch = this.restartOnReconnect(nats, reconnected);
      const stream = jetstream(nats);
      await subscribe({
        client,
        prefixes: this.publisher.prefixes,
        signal: AbortSignal.any([signal, reconnected.signal]),
        log: this.log,
        from: () => this.lastPublished(stream),
        handle: async ({ events }) => {
          for (const stored of events) await this.publish(stream, stored);
        },
      });
      watch.stop();
    }
  }

  /** After a reconnection the server may be another one, or an empty one: ask it again what it has. */
  private restartOnReconnect(nats: NatsConnection, reconnected: AbortController): { stop: () => void } {
    const status = nats.status() as AsyncIterable<{ type: string }> & { stop?: () => void };
    void (async () => {
      for await (const { type } of status) if (type === 'reconnect') return reconnected.abort();
    })();
    return { stop: () => status.stop?.() };
  }

  private async lastPublished(stream: JetStreamClient): Promise<Position | null> {
    await ensureStreams(this.servers.nats);
    const manager = await stream.jetstreamManager();
    const filter = `evt.*.${this.publisher.service}.>`;
    try {
      const last = await manager.streams.getMessage(EVENTS_STREAM, { last_by_subj: filter });
      const position = last?.header.get(POSITION_HEADER);
      return position ? parsePosition(position) : null;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.status === 404) return null;
      throw error;
    }
  }

  /** One at a time: were a later event stored without an earlier one, the earlier would be lost after a restart. */
  private async publish(stream: JetStreamClient, stored: StoredEvent): Promise<void> {
    const published = this.publisher.publish(stored);
    if (!published || !stored.position) return;
    const { metadata, id, thingId } = stored;
    const call: CallContext = {
      org: metadata.org,
      actor: { type: 'service', id: this.publisher.service },
      correlationId: metadata.$correlationId,
      causationId: id,
    };
    const headers = callHeaders(call);
    if (metadata.traceparent) headers.set('traceparent', metadata.traceparent);
    headers.set(POSITION_HEADER, `${stored.position.commit}/${stored.position.prepare}`);
    const event: PublicEvent = {
      event_id: id,
      type: published.type,
      org: metadata.org,
      id: thingId,
      revision: Number(stored.revision),
      time: stored.created.toISOString(),
      correlation_id: metadata.$correlationId,
      data: published.data,
    };
    const subject = eventSubject(
      metadata.org,
      this.publisher.service,
      published.noun,
      published.event,
      thingId,
    );
    await stream.publish(subject, JSON.stringify(event), { msgID: id, headers, timeout: 5_000 });
  }
}

function parsePosition(text: string): Position {
  const [commit, prepare] = text.split('/');
  return { commit: BigInt(commit!), prepare: BigInt(prepare!) };
}
