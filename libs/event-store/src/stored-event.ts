import type { CallContext } from '@hybrid/contracts';
import type { Fact } from '@hybrid/decider';
import type { AllStreamResolvedEvent, Position, ResolvedEvent } from '@eventstore/db-client';
import { tellSkipped } from './event-types.js';

/** Metadata of every stored event. `$correlationId` and `$causationId` are EventStoreDB's own names. */
export interface EventMetadata {
  org: string;
  actor: { type: string; id: string };
  /** Where the request came from: an IP address; not on events that no request caused. */
  address?: string;
  $correlationId: string;
  $causationId?: string;
  traceparent?: string;
  /** What versions that do not know the event's type read in its place. */
  downcast?: Fact;
  /** Of this metadata's own form: 1 so far. The form of an event's data is in its type: `JobClaimed.v2`. */
  version: number;
}

/** An event as it was stored, with where and when. */
export interface StoredEvent<E extends Fact = Fact> {
  event: E;
  metadata: EventMetadata;
  id: string;
  streamId: string;
  /** `job` of `job-1234`. */
  category: string;
  /** `1234` of `job-1234`. */
  thingId: string;
  revision: bigint;
  /** Position in the whole log; only events read from `$all` have one. */
  position?: Position;
  created: Date;
}

export function streamName(category: string, id: string): string {
  return `${category}-${id}`;
}

export function metadataOf(call: CallContext, traceparent: string | undefined): EventMetadata {
  return {
    org: call.org,
    actor: call.actor,
    ...(call.address && { address: call.address }),
    $correlationId: call.correlationId,
    ...(call.causationId && { $causationId: call.causationId }),
    ...(traceparent && { traceparent }),
    version: 1,
  };
}

/**
 * Null for what is not ours: system events, links whose target is gone, and, with a warning, what something else wrote
 * into a stream of ours: events that are no JSON objects or name no organisation.
 */
export function toStoredEvent<E extends Fact>(
  resolved: ResolvedEvent | AllStreamResolvedEvent,
  tell = tellSkipped,
): StoredEvent<E> | null {
  const recorded = resolved.event;
  if (!recorded || recorded.type.startsWith('$') || recorded.streamId.startsWith('$')) return null;
  if (!recorded.isJson || typeof recorded.data !== 'object' || recorded.data === null) {
    tell(recorded, 'is no JSON object');
    return null;
  }
  const metadata = recorded.metadata as EventMetadata | undefined;
  if (typeof metadata?.org !== 'string' || !metadata.org) {
    tell(recorded, 'names no organisation in its metadata');
    return null;
  }
  const dash = recorded.streamId.indexOf('-');
  return {
    event: { type: recorded.type, data: recorded.data } as unknown as E,
    metadata,
    id: recorded.id,
    streamId: recorded.streamId,
    category: recorded.streamId.slice(0, dash),
    thingId: recorded.streamId.slice(dash + 1),
    revision: recorded.revision,
    position: 'position' in recorded ? recorded.position : undefined,
    created: recorded.created,
  };
}
