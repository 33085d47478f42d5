/**
 * The event types of a noun. What is stored is never rewritten: a breaking change is a new type (`JobClaimed.v2`), and
 * an upcaster reads the old one as the new one, so that `evolve` knows today's types only. For versions that still run
 * and do not know a new type, its downcast says in their words what happened.
 */
import type { Fact } from './decider.js';

export interface EventTypes<E extends Fact> {
  /** All that today's code folds; the compiler keeps it complete. */
  readonly today: Readonly<Record<E['type'], true>>;
  /**
   * A type of before → the fact as the next version would have stored it; chains are followed to a type of today. Pure,
   * and total over what was stored: a default for what the old form did not say.
   */
  readonly upcasts?: Readonly<Record<string, (data: never) => Fact>>;
  /**
   * A type of today that came after the first release → the fact that versions before it read in its place, of a type
   * of the first release; null: nothing that they need to know. Stored with the event, as they cannot ask today's code.
   * Pure. The fact must be one that may stand there, and leave to them a thing that they can go on with.
   */
  readonly downcasts?: Readonly<Record<string, (data: never) => Fact | null>>;
}

/** What versions before this one read in place of the fact, to be stored with it; null: they know it, or need not. */
export function downcast(types: EventTypes<Fact>, { type, data }: Fact): Fact | null {
  const { downcasts } = types;
  return downcasts && Object.hasOwn(downcasts, type) ? downcasts[type]!(data as never) : null;
}

/** The fact as today's code knows it; null where its type is unknown here: a newer version wrote it, or a hand. */
export function understand<E extends Fact>(types: EventTypes<E>, stored: Fact): E | null {
  if (Object.hasOwn(types.today, stored.type)) return stored as E;
  const upcasts = types.upcasts ?? {};
  let fact = stored;
  // No chain is longer than there are upcasters: a circle ends as a type that nobody knows.
  for (let left = Object.keys(upcasts).length; left > 0; left--) {
    const upcast = Object.hasOwn(upcasts, fact.type) ? upcasts[fact.type] : undefined;
    if (!upcast) return null;
    fact = upcast(fact.data as never);
    if (Object.hasOwn(types.today, fact.type)) return fact as E;
  }
  return null;
}

/** Every type that is understood, with those of before; sorted. */
export function understoodTypes(types: EventTypes<Fact>): string[] {
  return [...Object.keys(types.today), ...Object.keys(types.upcasts ?? {})].sort();
}
