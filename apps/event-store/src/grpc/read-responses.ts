/** The messages of Streams.Read. */
import shared from '@eventstore/db-client/generated/shared_pb.js';
import type persistent from '@eventstore/db-client/generated/persistent_pb.js';
import pb from '@eventstore/db-client/generated/streams_pb.js';
import type { RecordedEvent } from '../store/event-record.js';
import type { ResolvedEvent } from '../store/links.js';

/** How the reader wants event ids: as text, or as two 64-bit numbers. */
export type IdForm = 'string' | 'structured';

/** An event, or a link with its target; the position is that of what the reader asked for, the link. */
export function eventResponse({ event, link }: ResolvedEvent, idForm: IdForm): pb.ReadResp {
  const message = new pb.ReadResp.ReadEvent();
  if (event) message.setEvent(recordedEvent(new pb.ReadResp.ReadEvent.RecordedEvent(), event, idForm));
  if (link) message.setLink(recordedEvent(new pb.ReadResp.ReadEvent.RecordedEvent(), link, idForm));
  const asked = link ?? event;
  if (asked) message.setCommitPosition(String(asked.position));
  return new pb.ReadResp().setEvent(message);
}

/** As EventStoreDB's newer clients ask for it: the revision of the stream's last event. */
export function lastStreamPosition(revision: number): pb.ReadResp {
  return new pb.ReadResp().setLastStreamPosition(String(revision));
}

/** Sent in place of events that were truncated: the first revision that there still is. */
export function firstStreamPosition(revision: number): pb.ReadResp {
  return new pb.ReadResp().setFirstStreamPosition(String(revision));
}

type Recorded = pb.ReadResp.ReadEvent.RecordedEvent | persistent.ReadResp.ReadEvent.RecordedEvent;

/** Fills in an event; the two services have a message each, of the same form. */
export function recordedEvent<Message extends Recorded>(
  message: Message,
  event: RecordedEvent,
  idForm: IdForm,
): Message {
  const position = String(event.position);
  message
    .setId(uuid(event.id, idForm))
    .setStreamIdentifier(identifierOf(event.stream))
    .setStreamRevision(String(event.revision))
    .setCommitPosition(position)
    .setPreparePosition(position)
    .setData(event.data)
    .setCustomMetadata(event.customMetadata);
  const metadata = message.getMetadataMap();
  metadata.set('type', event.type);
  metadata.set('content-type', event.contentType);
  metadata.set('created', String(event.created));
  return message;
}

export function streamNotFound(stream: string): pb.ReadResp {
  return new pb.ReadResp().setStreamNotFound(
    new pb.ReadResp.StreamNotFound().setStreamIdentifier(identifierOf(stream)),
  );
}

export function confirmation(subscriptionId: string): pb.ReadResp {
  return new pb.ReadResp().setConfirmation(
    new pb.ReadResp.SubscriptionConfirmation().setSubscriptionId(subscriptionId),
  );
}

export function checkpoint(position: number): pb.ReadResp {
  const at = String(position);
  return new pb.ReadResp().setCheckpoint(
    new pb.ReadResp.Checkpoint().setCommitPosition(at).setPreparePosition(at),
  );
}

export function caughtUp(): pb.ReadResp {
  return new pb.ReadResp().setCaughtUp(new pb.ReadResp.CaughtUp());
}

function identifierOf(stream: string): shared.StreamIdentifier {
  return new shared.StreamIdentifier().setStreamName(Buffer.from(stream));
}

/** An event id in the form asked for. */
export function uuid(id: string, form: IdForm): shared.UUID {
  if (form === 'string') return new shared.UUID().setString(id);
  const hex = id.replaceAll('-', '');
  const bits = (half: string) => String(BigInt.asIntN(64, BigInt(`0x${half}`)));
  return new shared.UUID().setStructured(
    new shared.UUID.Structured()
      .setMostSignificantBits(bits(hex.slice(0, 16)))
      .setLeastSignificantBits(bits(hex.slice(16))),
  );
}
