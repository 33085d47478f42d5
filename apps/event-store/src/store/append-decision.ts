/**
 * Whether an append may happen, as EventStoreDB decides it. Pure.
 *
 * A retry must not write twice: below the stream's end the ids that follow the expected revision are compared one by
 * one; with ANY and STREAM_EXISTS the ids are looked up. All there: the first answer is repeated. Some there: refused.
 */
export type ExpectedRevision =
  { kind: 'any' } | { kind: 'noStream' } | { kind: 'streamExists' } | { kind: 'revision'; revision: bigint };

/** What the decision needs to know of the stream. */
export interface StreamFacts {
  /** -1 before the first event. */
  last: number;
  tombstoned: boolean;
  softDeleted: boolean;
  /** Whether the stream has metadata; it then counts as existing even without events. */
  hasMetadata: boolean;
  idAt(revision: number): string | undefined;
  revisionOf(id: string): number | undefined;
}

export type AppendDecision =
  | { kind: 'append' }
  /** Every event is there already; the last of them at this revision. */
  | { kind: 'repeat'; last: number }
  | { kind: 'wrongVersion' }
  | { kind: 'deleted' };

export function decideAppend(
  expected: ExpectedRevision,
  ids: readonly string[],
  stream: StreamFacts,
): AppendDecision {
  if (stream.tombstoned) return { kind: 'deleted' };
  switch (expected.kind) {
    case 'streamExists':
      if (stream.softDeleted) return { kind: 'deleted' };
      if (stream.last < 0 && !stream.hasMetadata) return { kind: 'wrongVersion' };
      return decideById(ids, stream);
    case 'any':
      return decideById(ids, stream);
    case 'noStream':
      return decideAtRevision(-1, ids, stream);
    case 'revision':
      if (expected.revision > BigInt(stream.last)) return { kind: 'wrongVersion' };
      return decideAtRevision(Number(expected.revision), ids, stream);
  }
}

function decideById(ids: readonly string[], stream: StreamFacts): AppendDecision {
  const known = ids.map((id) => stream.revisionOf(id)).filter((revision) => revision !== undefined);
  if (known.length === 0) return { kind: 'append' };
  return known.length === ids.length
    ? { kind: 'repeat', last: Math.max(...known) }
    : { kind: 'wrongVersion' };
}

function decideAtRevision(expected: number, ids: readonly string[], stream: StreamFacts): AppendDecision {
  if (expected === stream.last) return { kind: 'append' };
  if (ids.length > 0 && ids.every((id, index) => stream.idAt(expected + 1 + index) === id))
    return { kind: 'repeat', last: expected + ids.length };
  const recreates = expected === -1 && stream.softDeleted && stream.idAt(0) !== ids[0];
  return recreates ? { kind: 'append' } : { kind: 'wrongVersion' };
}
