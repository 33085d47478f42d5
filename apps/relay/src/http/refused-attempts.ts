/**
 * Counts refused attempts by address. Whoever is refused too often is answered 429 and not logged any more. What is
 * rightly signed is always taken: many customers of a git host share its addresses, and one of them could otherwise shut
 * out all others.
 */
const WINDOW_MS = 60_000;
const LIMIT = 30;
/** Addresses that are remembered; the oldest is forgotten first. */
const ADDRESSES_MAX = 10_000;

export class RefusedAttempts {
  readonly #counts = new Map<string, { count: number; until: number }>();

  /** Counts one; answers the seconds until that address is heard again, or nothing while it has not had too many. */
  count(address: string, now = performance.now()): number | undefined {
    const known = this.#counts.get(address);
    if (!known || known.until <= now) {
      this.#counts.delete(address);
      this.#counts.set(address, { count: 1, until: now + WINDOW_MS });
      const [oldest] = this.#counts.keys();
      if (this.#counts.size > ADDRESSES_MAX && oldest !== undefined) this.#counts.delete(oldest);
      return undefined;
    }
    known.count += 1;
    return known.count > LIMIT ? Math.ceil((known.until - now) / 1000) : undefined;
  }
}
