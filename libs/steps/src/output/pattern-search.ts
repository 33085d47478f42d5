/**
 * Finds any of many texts in one pass, as Rabin and Karp do: a hash of the last four characters says where a pattern
 * may begin, and only there is compared. A thousand patterns cost hardly more than one.
 */

/** Characters that the hash sees: no pattern may be shorter. */
export const PATTERN_MIN = 4;
/** What is older than four characters has been shifted out of the hash. */
const SHIFT = 5;
const BITS = SHIFT * PATTERN_MIN;
const HASH = (1 << BITS) - 1;

/** Start and end of what was found. */
export type Interval = [start: number, end: number];

export class PatternSearch {
  /** A bit for each hash with which a pattern begins; nothing until there is a pattern. */
  #begins: Uint32Array | undefined;
  readonly #patterns = new Map<number, Set<string>>();
  /** Characters of the longest pattern; 0 where there is none. */
  longest = 0;
  /** How many patterns there are. */
  size = 0;

  constructor(patterns: Iterable<string> = []) {
    for (const pattern of patterns) this.add(pattern);
  }

  /** Does nothing where it is shorter than PATTERN_MIN. */
  add(pattern: string): void {
    if (pattern.length < PATTERN_MIN) return;
    let hash = 0;
    for (let at = 0; at < PATTERN_MIN; at++) hash = ((hash << SHIFT) ^ pattern.charCodeAt(at)) & HASH;
    this.#begins ??= new Uint32Array(2 ** (BITS - 5));
    this.#begins[hash >>> 5]! |= 1 << (hash & 31);
    const alike = this.#patterns.get(hash) ?? new Set();
    this.#patterns.set(hash, alike);
    if (!alike.has(pattern)) this.size++;
    alike.add(pattern);
    this.longest = Math.max(this.longest, pattern.length);
  }

  /** Adds what is found in the text to `found`, in order of the starts; one may lie within another. */
  find(text: string, found: Interval[]): void {
    const begins = this.#begins;
    if (!begins) return;
    let hash = 0;
    for (let at = 0; at < text.length; at++) {
      hash = ((hash << SHIFT) ^ text.charCodeAt(at)) & HASH;
      if ((begins[hash >>> 5]! & (1 << (hash & 31))) === 0 || at < PATTERN_MIN - 1) continue;
      const start = at - PATTERN_MIN + 1;
      let end = start;
      for (const pattern of this.#patterns.get(hash) ?? [])
        if (start + pattern.length > end && text.startsWith(pattern, start)) end = start + pattern.length;
      if (end > start) found.push([start, end]);
    }
  }
}
