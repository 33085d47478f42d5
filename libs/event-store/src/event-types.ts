/** What becomes of stored events that this version cannot read: they stay where they are, are skipped, and are told of. */
import { understand, understoodTypes, type EventTypes, type Fact } from '@hybrid/decider';
import { createHash } from 'node:crypto';
import type { StoredEvent } from './stored-event.js';

/** Tells of an event that is skipped; of each type and reason once in this process. */
export type Tell = (event: { type: string; streamId: string; revision: bigint }, why: string) => void;

export function tellOnce(warn: (message: string) => void): Tell {
  const told = new Set<string>();
  return ({ type, streamId, revision }, why) => {
    const news = `${type}: ${why}`;
    if (told.has(news)) return;
    told.add(news);
    warn(
      `event ${type} at ${streamId}/${revision} ${why}; it is kept and skipped, and so are others like it: read them with the version that wrote them`,
    );
  };
}

export const tellSkipped = tellOnce((message) => console.warn(message));

/** The stored event as today's code knows it, earlier forms brought up to date; null where nobody here knows its type. */
export function understood<E extends Fact>(
  types: EventTypes<E>,
  stored: StoredEvent,
  tell = tellSkipped,
): StoredEvent<E> | null {
  const event = understand(types, stored.event);
  if (!event) {
    const { streamId, revision } = stored;
    tell({ type: stored.event.type, streamId, revision }, 'is of a type that this version does not know');
    return null;
  }
  return event === stored.event ? (stored as StoredEvent<E>) : { ...stored, event };
}

/** Version numbers stay below this, so that number and types fit into 31 bits. */
const VERSIONS = 1_000;

/**
 * Version of what is folded from events: the number that is raised by hand when the fold changes, and the types that are
 * understood. What was folded by a version that skipped a type is so made anew by the one that knows it.
 * @param version 1 to 999.
 */
export function foldVersion(version: number, types: EventTypes<Fact>): number {
  const digest = createHash('sha256')
    .update(JSON.stringify(understoodTypes(types)))
    .digest();
  return (digest.readUInt32BE() % 2_000_000) * VERSIONS + version;
}
