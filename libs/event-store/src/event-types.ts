/**
 * What becomes of stored events that this version cannot read: they stay where they are, are read as the version that
 * wrote them says, or else skipped, and are told of.
 */
import { understand, understoodTypes, type EventTypes, type Fact } from '@hybrid/decider';
import { createHash } from 'node:crypto';
import type { StoredEvent } from './stored-event.js';

/** Tells of an event that is skipped, or read as one of the type `readAs`; of each type and reason once in this process. */
export type Tell = (
  event: { type: string; streamId: string; revision: bigint },
  why: string,
  readAs?: string,
) => void;

export function tellOnce(warn: (message: string) => void): Tell {
  const told = new Set<string>();
  return ({ type, streamId, revision }, why, readAs) => {
    const fate = readAs
      ? `read as ${readAs}, as the version that wrote it says, and so are others like it`
      : 'kept and skipped, and so are others like it: read them with the version that wrote them';
    const news = `${type}: ${why}; it is ${fate}`;
    if (told.has(news)) return;
    told.add(news);
    warn(`event ${type} at ${streamId}/${revision} ${why}; it is ${fate}`);
  };
}

export const tellSkipped = tellOnce((message) => console.warn(message));

/**
 * The stored event as today's code knows it: earlier forms brought up to date, later ones as their version says. Null
 * where nobody here knows its type, and it says nothing to versions that do not.
 */
export function understood<E extends Fact>(
  types: EventTypes<E>,
  stored: StoredEvent,
  tell = tellSkipped,
): StoredEvent<E> | null {
  const { event, metadata, streamId, revision } = stored;
  const known = understand(types, event);
  if (known) return known === event ? (stored as StoredEvent<E>) : { ...stored, event: known };
  const { downcast } = metadata;
  const readAs = isFact(downcast) ? understand(types, downcast) : null;
  tell(
    { type: event.type, streamId, revision },
    'is of a type that this version does not know',
    readAs?.type,
  );
  return readAs && { ...stored, event: readAs };
}

/** Anybody may have written it. */
function isFact(value: unknown): value is Fact {
  const { type, data } = (value ?? {}) as Partial<Fact>;
  return typeof type === 'string' && typeof data === 'object' && data !== null;
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
