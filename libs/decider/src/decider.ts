/** A noun as two pure functions: what may happen (`decide`), and what that makes of it (`evolve`). */
import type { EventTypes } from './event-types.js';

export interface Decider<State, Command, Event extends Fact> {
  /** The state of a thing that does not exist yet. */
  readonly initial: State;
  /** The types of its events, today's and those of before. */
  readonly events: EventTypes<Event>;
  /** Facts that the command causes, in order; none when it was carried out before; or why it is refused. */
  decide(command: Command, state: State): Event[] | Rejection;
  /**
   * The state after the fact, which is of one of today's types. Never throws: history already happened. Where what came
   * before is missing, as a version that this one does not know wrote it, a fact changes nothing.
   */
  evolve(state: State, event: Event): State;
}

/** Something that happened. `type` is a stored literal (`JobClaimed`), `data` is JSON. */
export interface Fact {
  readonly type: string;
  readonly data: object;
}

export type RejectionKind = 'invalid' | 'forbidden' | 'not_found' | 'conflict';

/** A refusal by the rules: nothing broke, nothing happened. */
export interface Rejection {
  /** Stable code, for machines: `lease_lost`. */
  readonly rejected: string;
  /** For people: what, and how to mend it. */
  readonly detail: string;
  readonly kind: RejectionKind;
}

export function reject(code: string, detail: string, kind: RejectionKind = 'conflict'): Rejection {
  return { rejected: code, detail, kind };
}

export function isRejection(decision: readonly Fact[] | Rejection): decision is Rejection {
  return 'rejected' in decision;
}

/** The state that the events lead to. */
export function fold<State, Event extends Fact>(
  decider: Pick<Decider<State, never, Event>, 'initial' | 'evolve'>,
  events: Iterable<Event>,
): State {
  let state = decider.initial;
  for (const event of events) state = decider.evolve(state, event);
  return state;
}
