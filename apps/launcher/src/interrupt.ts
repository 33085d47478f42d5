/** Ctrl-C: the first one asks for an orderly end, a second one for an end at once. */

/**
 * One press of Ctrl-C arrives twice under npm, from the terminal and passed on by npm itself. Nobody presses it twice
 * on purpose within this time.
 */
const SAME_PRESS_MS = 500;

export function onInterrupt(orderly: (signal: NodeJS.Signals) => void, atOnce: () => void): void {
  let first: number | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === undefined) {
        first = performance.now();
        orderly(signal);
      } else if (performance.now() - first > SAME_PRESS_MS) {
        atOnce();
      }
    });
  }
}
