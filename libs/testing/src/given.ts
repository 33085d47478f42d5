import { expect } from '@jest/globals';
import { fold, isRejection, type Decider, type Fact } from '@hybrid/decider';

/** Specs as sentences: `given(decider, enqueued, claimed).when(complete('old')).thenRejected('lease_lost')`. */
export function given<State, Command, Event extends Fact>(
  decider: Decider<State, Command, Event>,
  ...history: Event[]
) {
  return {
    when(command: Command) {
      const decision = decider.decide(command, fold(decider, history));
      return {
        decision,
        /** Exactly these events. */
        then(...events: Event[]): void {
          expect(decision).toEqual(events);
        },
        /** Exactly these types of event, in order; answers the events for closer looks. */
        thenTypes(...types: Event['type'][]): Event[] {
          if (isRejection(decision)) throw new Error(`refused: ${decision.rejected}: ${decision.detail}`);
          expect(decision.map((event) => event.type)).toEqual(types);
          return decision;
        },
        thenNothing(): void {
          expect(decision).toEqual([]);
        },
        thenRejected(code: string): void {
          expect(decision).toMatchObject({ rejected: code });
        },
      };
    },
  };
}
