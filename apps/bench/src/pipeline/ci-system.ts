/** What a CI server is asked to do here, and how it is asked: by a push or its like, each kind of work defined beforehand. */

/** Steps that run one after the other. */
export const STEPS = 20;
/** Steps, or builds, that all may run at once. */
export const FAN = 200;
/** How many run at once. */
export const CAPACITY = 8;
export const LINES = 500_000;
/** What each line of the long log says. */
export const LINE = 'compiling module 0042 of 4711: src/components/table/virtual-rows.ts';

/** `one` prints a line; `steps` does nothing, one step after the other; `fan` side by side; `log` prints LINES lines. */
export type Work = 'one' | 'steps' | 'fan' | 'log';

/** Milliseconds since it was pushed. */
export interface Done {
  firstLine: number | null;
  end: number;
}

export interface CiSystem {
  name: string;
  /** Resolves when all of it has succeeded. @throws Error when something failed. */
  run(work: Work): Promise<Done>;
}
