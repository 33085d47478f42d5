/** Which text of each pipeline was the latest that an agent has seen: an older one again is a rollback. */
import { Distrusted } from './statement.js';
import type { Vouched } from './check-job.js';

/** As many as anybody signs; what is beyond was long ago. */
const MOST = 200;

/** Of one pipeline. */
export interface Seen {
  signed_at: string;
  definition_sha256: string;
  /** Digests of those before it, latest first. */
  before: string[];
}

/**
 * What is remembered now. Throws Distrusted where the text was replaced by a later one, unless a key whose use is
 * `rollback` has signed it anew since: that is the order to go back.
 */
export function checkNoRollback(seen: Seen | undefined, { statement, key }: Vouched): Seen {
  const { signed_at, definition_sha256 } = statement;
  if (!seen) return { signed_at, definition_sha256, before: [] };
  const isSame = definition_sha256 === seen.definition_sha256;
  const [then, now] = [Date.parse(seen.signed_at), Date.parse(signed_at)];
  if (isSame) return now > then ? { ...seen, signed_at } : seen;
  if (now <= then)
    throw new Distrusted(
      `a text that was signed later (${seen.signed_at}) has run here: to go back, sign this one anew with a key for rollback`,
    );
  if (seen.before.includes(definition_sha256) && !key.uses.includes('rollback'))
    throw new Distrusted(
      `it goes back to a text that was replaced, and the hybrid_use of the key ${key.kid} lacks rollback`,
    );
  const before = [seen.definition_sha256, ...seen.before.filter((one) => one !== definition_sha256)];
  return { signed_at, definition_sha256, before: before.slice(0, MOST) };
}
