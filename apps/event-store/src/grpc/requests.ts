/** Reads the parts that several requests share, and refuses what the store cannot hold. */
import type pb from '@eventstore/db-client/generated/streams_pb.js';
import type shared from '@eventstore/db-client/generated/shared_pb.js';
import type { ExpectedRevision } from '../store/append-decision.js';
import type { ProposedEvent } from '../store/event-record.js';
import { originalOf } from '../store/stream-limits.js';
import {
  AppendTooLargeError,
  BadRequestError,
  MAX_APPEND_BYTES,
  MissingPropertyError,
} from './rpc-failure.js';

/** LMDB's keys end near 2,000 bytes; a name is a key. */
const MAX_NAME_BYTES = 1024;
const MAX_TYPE_BYTES = 4096;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

type ProposedMessage = pb.AppendReq.ProposedMessage | pb.BatchAppendReq.ProposedMessage;

/** The stream a request is about. Throws BadRequestError. */
export function streamName(identifier: shared.StreamIdentifier | undefined): string {
  return checkStreamName(identifier?.getStreamName_asU8() ?? new Uint8Array(0));
}

/** The stream a command writes to. Throws BadRequestError. */
export function writableStreamName(identifier: shared.StreamIdentifier | undefined): string {
  return checkWritable(streamName(identifier));
}

/** A name from its bytes. Throws BadRequestError. */
export function checkStreamName(bytes: Uint8Array): string {
  if (bytes.length === 0) throw new BadRequestError('The request names no stream.');
  if (bytes.length > MAX_NAME_BYTES)
    throw new BadRequestError(`A stream's name may be ${MAX_NAME_BYTES} bytes long, not ${bytes.length}.`);
  return Buffer.from(bytes).toString();
}

/** The name again, of a stream that may be written. Throws BadRequestError. */
export function checkWritable(name: string): string {
  if (name === '$all' || name === '$$' || name.startsWith('$$$$'))
    throw new BadRequestError(`'${name}' cannot be written; choose another stream.`);
  return name;
}

/** The stream a command deletes. Throws BadRequestError. */
export function deletableStreamName(identifier: shared.StreamIdentifier | undefined): string {
  const name = writableStreamName(identifier);
  if (originalOf(name) !== undefined)
    throw new BadRequestError(`'${name}' holds metadata, which cannot be deleted; set other metadata.`);
  return name;
}

/** A UUID in lower case, from either of its wire forms. Throws BadRequestError. */
export function uuidText(uuid: shared.UUID | undefined): string {
  const structured = uuid?.getStructured();
  const text = structured
    ? uuidFromBits(BigInt(structured.getMostSignificantBits()), BigInt(structured.getLeastSignificantBits()))
    : (uuid?.getString().toLowerCase() ?? '');
  if (!UUID.test(text)) throw new BadRequestError(`'${text}' is no UUID.`);
  return text;
}

/** The revision that Append, Delete and Tombstone expect; nothing said means any. */
export function expectedRevision(
  options: pb.AppendReq.Options | pb.DeleteReq.Options | pb.TombstoneReq.Options,
): ExpectedRevision {
  if (options.hasRevision()) return { kind: 'revision', revision: BigInt(options.getRevision()) };
  if (options.hasNoStream()) return { kind: 'noStream' };
  return options.hasStreamExists() ? { kind: 'streamExists' } : { kind: 'any' };
}

/** Gathers the events of one append and stops holding them once they are too large or one is wrong. */
export class ProposedEvents {
  private readonly events: ProposedEvent[] = [];
  private bytes = 0;
  private failure: Error | undefined;

  add(message: ProposedMessage): void {
    this.take(() => proposedEvent(message));
  }

  /** Takes the event that `read` answers; what it throws makes the append fail. */
  take(read: () => ProposedEvent): void {
    if (this.failure) return;
    try {
      const event = read();
      // EventStoreDB counts a character of the type as two bytes.
      this.bytes += event.data.length + event.customMetadata.length + 2 * event.type.length;
      if (this.bytes > MAX_APPEND_BYTES) throw new AppendTooLargeError();
      this.events.push(event);
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
      this.events.length = 0;
    }
  }

  /** The events, all of them sound. Throws what was wrong with the first that was not. */
  complete(): readonly ProposedEvent[] {
    if (this.failure) throw this.failure;
    return this.events;
  }
}

function proposedEvent(message: ProposedMessage): ProposedEvent {
  const metadata = message.getMetadataMap();
  const required = (key: string) => requireText(key, metadata.get(key));
  return {
    id: uuidText(message.getId()),
    type: required('type'),
    contentType: required('content-type'),
    data: message.getData_asU8(),
    customMetadata: message.getCustomMetadata_asU8(),
  };
}

/** A property that every event must have. Throws MissingPropertyError or BadRequestError. */
export function requireText(key: string, value: string | undefined): string {
  if (!value) throw new MissingPropertyError(key);
  if (Buffer.byteLength(value) > MAX_TYPE_BYTES)
    throw new BadRequestError(`An event's ${key} may be ${MAX_TYPE_BYTES} bytes long.`);
  return value;
}

function uuidFromBits(most: bigint, least: bigint): string {
  const hex = [most, least].map((bits) => BigInt.asUintN(64, bits).toString(16).padStart(16, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
