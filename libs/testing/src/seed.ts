/** Chance that can be repeated: the seed is printed, and taken from SPEC_SEED when that is set. */

export function specSeed(): number {
  const seed = Number(process.env['SPEC_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  process.stderr.write(`SPEC_SEED=${seed}\n`);
  return seed;
}

/** Numbers from 0 up to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed = specSeed()): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
