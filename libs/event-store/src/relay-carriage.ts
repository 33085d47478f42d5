/** One connection's share of a relay's work: blocks of events on their way to one stream, many at a time. */
import { EVENTS_STREAM } from '@hybrid/contracts';
import type { EventTypes, Fact } from '@hybrid/decider';
import { meter } from '@hybrid/telemetry';
import type { Position } from '@eventstore/db-client';
import { ask } from '@hybrid/messaging';
import { jetstreamManager, JetStreamApiError, type PubAck } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { understood } from './event-types.js';
import { readMark, relayMessage, type Mark, type Published } from './relay-message.js';
import type { StoredEvent } from './stored-event.js';
import type { Batch } from './subscribe.js';

export interface Publisher<E extends Fact = Fact> {
  service: string;
  prefixes: string[];
  /** Events of other types stay private, with a warning. */
  events: EventTypes<E>;
  /** Null: the event stays private. */
  publish(stored: StoredEvent<E>): Published | null;
}

interface Outgoing {
  stored: StoredEvent;
  published: Published;
}

/** Above a commit on a slow disk. What is not acknowledged by then is published again. */
const PUBLISH_MS = 5_000;
/** Measured: more brings little, and a relay that is killed publishes up to so many again. */
const MAX_IN_FLIGHT = 250;

const carried = meter.createCounter('hybrid_relay_published_events', {
  description: 'events that a relay carried from the event store to JetStream',
});
export class Carriage {
  /** All that came before is acknowledged by this stream. */
  private mark: Mark | null = null;
  private stream = '';

  constructor(
    private readonly nats: NatsConnection,
    private readonly publisher: Publisher,
    private readonly mayPublish: () => boolean,
  ) {}

  /** Asks JetStream where to go on. Null: from the beginning. */
  async begin(): Promise<Position | null> {
    const { streams } = await jetstreamManager(this.nats);
    this.stream = (await streams.info(EVENTS_STREAM)).created;
    this.mark = null;
    try {
      const last = await streams.getMessage(EVENTS_STREAM, {
        last_by_subj: `evt.*.${this.publisher.service}.>`,
      });
      const mark = readMark(last?.header);
      if (mark?.stream === this.stream) this.mark = mark;
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
    }
    return this.mark?.position ?? null;
  }

  /** @throws Error where an event is not acknowledged; by then no other is on its way, as far as this side knows. */
  async carry({ events, position }: Batch): Promise<void> {
    for (let begin = 0; begin < events.length; begin += MAX_IN_FLIGHT)
      await this.carrySome(events.slice(begin, begin + MAX_IN_FLIGHT));
    this.mark = { position, stream: this.stream };
  }

  /**
   * Publishes the events of each stream one after the other, of different streams side by side, and the last one of all
   * when all others are acknowledged: its mark then says that nothing before it is missing.
   */
  private async carrySome(events: StoredEvent[]): Promise<void> {
    const outgoing = events.flatMap((stored): Outgoing[] => {
      const known = understood(this.publisher.events, stored);
      const published = known && this.publisher.publish(known);
      return published ? [{ stored, published }] : [];
    });
    const mark = { position: events.at(-1)!.position!, stream: this.stream };
    const last = outgoing.pop();
    if (last) {
      await this.sideBySide(outgoing);
      await this.publish(last, mark);
    }
    this.mark = mark;
  }

  private async sideBySide(outgoing: Outgoing[]): Promise<void> {
    const lanes = new Map<string, Outgoing[]>();
    for (const one of outgoing) {
      const lane = lanes.get(one.stored.streamId);
      if (lane) lane.push(one);
      else lanes.set(one.stored.streamId, [one]);
    }
    let failed = false;
    const ends = [...lanes.values()].map(async (lane) => {
      try {
        for (const one of lane) if (!failed) await this.publish(one, this.mark);
      } catch (error) {
        failed = true;
        throw error;
      }
    });
    // All of them, also after a failure: what goes on would come after what is published again.
    const rejected = (await Promise.allSettled(ends)).find(({ status }) => status === 'rejected');
    if (rejected) throw (rejected as PromiseRejectedResult).reason;
  }

  private async publish({ stored, published }: Outgoing, mark: Mark | null): Promise<void> {
    const { service } = this.publisher;
    const { subject, body, headers } = relayMessage(service, stored, published, mark);
    if (!this.mayPublish()) throw new Error('the lock or the connection to NATS was lost');
    headers.set('Nats-Msg-Id', stored.id);
    const reply = await ask(this.nats, subject, body, { headers, timeoutMs: PUBLISH_MS });
    const { duplicate, error } = reply.json<Partial<PubAck> & { error?: { description: string } }>();
    if (error) throw new Error(`NATS did not store ${subject}: ${error.description}`);
    if (!duplicate) carried.add(1, { service });
  }
}
