/**
 * Events that a consumer gave up, in the stream PARKED until they are handled or pushed out by newer ones. As disposable
 * as EVENTS: where NATS lost both, the events come again and are parked again.
 */
import { PARKED_STREAM } from '@hybrid/contracts';
import { jetstream, jetstreamManager, JetStreamApiError } from '@nats-io/jetstream';
import { headers, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

const SUBJECT_HEADER = 'Hybrid-Parked-Subject';
const REASON_HEADER = 'Hybrid-Parked-Reason';
const TRIES_HEADER = 'Hybrid-Parked-Tries';
/** Enough for a message and its cause; a reason may quote what somebody sent. */
const MAX_REASON = 300;

/** An event as it came: from EVENTS, or from PARKED. */
export interface Delivery {
  subject: string;
  data: Uint8Array;
  headers: MsgHdrs | undefined;
}

export interface Parked extends Delivery {
  /** In PARKED. */
  seq: number;
  /** Id of the event, or of its message where it has none. */
  id: string;
}

export class ParkedEvents {
  private readonly filter: string;

  constructor(
    private readonly nats: NatsConnection,
    private readonly durable: string,
  ) {
    this.filter = `parked.${durable}.>`;
  }

  /** Keeps the event under its id, in place of an earlier copy. @param id without dot, space or wildcard. */
  async park(event: Delivery, id: string, reason: string, tries: number): Promise<void> {
    const kept = headers();
    for (const [name, values] of event.headers ?? [])
      if (!name.startsWith('Nats-')) for (const value of values) kept.append(name, value);
    kept.set(SUBJECT_HEADER, event.subject);
    kept.set(REASON_HEADER, oneLine(reason));
    kept.set(TRIES_HEADER, `${tries}`);
    await jetstream(this.nats).publish(`parked.${this.durable}.${id}`, event.data, { headers: kept });
  }

  async count(): Promise<number> {
    const { streams } = await jetstreamManager(this.nats);
    try {
      const { state } = await streams.info(PARKED_STREAM, { subjects_filter: this.filter });
      return Object.keys(state.subjects ?? {}).length;
    } catch (error) {
      if (isMissing(error)) return 0;
      throw error;
    }
  }

  /** Those that are there at the call, oldest first. */
  async *all(): AsyncGenerator<Parked> {
    const { streams } = await jetstreamManager(this.nats);
    const { state } = await streams.info(PARKED_STREAM);
    for (let seq = state.first_seq; seq <= state.last_seq; seq++) {
      let message;
      try {
        // The client's types know this question for the direct API only; servers answer it here from 2.9 on.
        const next = { seq, next_by_subj: this.filter };
        message = await streams.getMessage(PARKED_STREAM, next);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
      if (!message || message.seq > state.last_seq) return;
      seq = message.seq;
      yield {
        seq,
        id: message.subject.slice(message.subject.lastIndexOf('.') + 1),
        subject: message.header.get(SUBJECT_HEADER),
        data: message.data,
        headers: message.header,
      };
    }
  }

  /** It was handled. Gone already, handled by another replica or replaced by a newer copy, is as good. */
  async remove({ seq }: Parked): Promise<void> {
    const { streams } = await jetstreamManager(this.nats);
    try {
      await streams.deleteMessage(PARKED_STREAM, seq);
    } catch (error) {
      if (!(error instanceof JetStreamApiError)) throw error;
    }
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.status === 404;
}

/** Fit for a header, whatever it quotes. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').slice(0, MAX_REASON);
}
