import { timingSafeEqual } from 'node:crypto';

/** Whether two SHA-256 in hex are the same, in a time that does not tell where they differ. Null: there is none. */
export function sameDigest(known: string | null, given: string): boolean {
  const left = Buffer.from(known ?? '');
  const right = Buffer.from(given);
  return left.length > 0 && left.length === right.length && timingSafeEqual(left, right);
}
