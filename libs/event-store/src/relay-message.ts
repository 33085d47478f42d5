/** A stored event as the others get it, and the mark on it by which a relay knows where to go on. */
import { eventSubject, type CallContext, type PublicEvent } from '@hybrid/contracts';
import { callHeaders } from '@hybrid/messaging';
import type { Position } from '@eventstore/db-client';
import type { MsgHdrs } from '@nats-io/transport-node';
import type { StoredEvent } from './stored-event.js';

/** What others get to see of a stored event: noun and event (kebab-case) of the subject, and the data. */
export interface Published {
  noun: string;
  event: string;
  /** `JobChanged`: the type of the data, for clients. */
  type: string;
  data: object;
}

const MARK_HEADER = 'Hybrid-Relayed';

/**
 * "Where this message is stored, so are all of the service's events up to `position`": the others were acknowledged by
 * this stream before it was sent. That stays true whoever sent it and whenever it arrives.
 */
export interface Mark {
  position: Position;
  /** When the stream was made: tells it from one of the same name in a NATS that was wiped since. */
  stream: string;
}

export interface RelayMessage {
  subject: string;
  body: Uint8Array;
  headers: MsgHdrs;
}

export function relayMessage(
  service: string,
  stored: StoredEvent,
  { noun, event, type, data }: Published,
  mark: Mark | null,
): RelayMessage {
  const { metadata, id, thingId } = stored;
  const call: CallContext = {
    org: metadata.org,
    actor: { type: 'service', id: service },
    correlationId: metadata.$correlationId,
    causationId: id,
  };
  const headers = callHeaders(call);
  if (metadata.traceparent) headers.set('traceparent', metadata.traceparent);
  if (mark) headers.set(MARK_HEADER, `${mark.position.commit}/${mark.position.prepare} ${mark.stream}`);
  const body: PublicEvent = {
    event_id: id,
    type,
    org: metadata.org,
    id: thingId,
    revision: Number(stored.revision),
    time: stored.created.toISOString(),
    correlation_id: metadata.$correlationId,
    data,
  };
  return {
    subject: eventSubject(metadata.org, service, noun, event, thingId),
    body: Buffer.from(JSON.stringify(body)),
    headers,
  };
}

/** Null where there is none that can be read: what a message of another version lacks is not known. */
export function readMark(headers: MsgHdrs | undefined): Mark | null {
  const found = /^(\d+)\/(\d+) (\S+)$/.exec(headers?.get(MARK_HEADER) ?? '');
  if (!found) return null;
  const [, commit, prepare, stream] = found;
  return { position: { commit: BigInt(commit!), prepare: BigInt(prepare!) }, stream: stream! };
}
