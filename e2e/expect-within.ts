/** So often a machine that stood still for seconds may be in the way. */
const ROUNDS = 3;

/**
 * For a bound that tells a thing from the wait that it must not be. Measures milliseconds, and again where they were too
 * many: what waits for nothing is quick in one of three rounds, what does wait is late in each.
 */
export async function expectWithin(ms: number, measure: () => Promise<number>): Promise<void> {
  const took: number[] = [];
  while (took.length < ROUNDS) {
    const one = await measure();
    if (one < ms) return;
    took.push(Math.round(one));
  }
  throw new Error(`it took ${took.join(', ')} ms, and must take less than ${ms} ms`);
}
