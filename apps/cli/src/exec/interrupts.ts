/** Ctrl-C and its like: the first asks the run to end, the second ends everything at once. */
export interface Interrupts {
  /** The first signal came. */
  readonly interrupted: boolean;
  done(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function onInterrupt(first: () => void, second: () => void): Interrupts {
  let count = 0;
  const heard = (): void => {
    count++;
    if (count === 1) first();
    else if (count === 2) second();
  };
  for (const signal of SIGNALS) process.on(signal, heard);
  return {
    get interrupted() {
      return count > 0;
    },
    done() {
      for (const signal of SIGNALS) process.off(signal, heard);
    },
  };
}
