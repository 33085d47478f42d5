/** Digests of a webhook's raw body, and the id that follows from them. */
import { createHash, createHmac } from 'node:crypto';
import { v5 } from 'uuid';

/** As many as the digest has: a shorter key is easier to find than the digest is to invert. */
export const DIGEST_KEY_MIN_BYTES = 32;

/** Of our own making, for ids of deliveries alone. */
const NAMESPACE = 'df5419f9-b889-49fb-ac73-9a8207051f31';

export interface Digests {
  /** In hex. Stays with the relay. */
  sha256: string;
  /** HMAC-SHA-256 with the customer's key, in hex. Crosses. */
  keyed_sha256: string;
}

/** Throws where the key has less than 32 bytes. */
export function digestsOf(body: Uint8Array, key: Uint8Array): Digests {
  if (key.byteLength < DIGEST_KEY_MIN_BYTES)
    throw new RangeError(
      `the key of the digests has ${key.byteLength} bytes, fewer than ${DIGEST_KEY_MIN_BYTES}; make one with openssl rand`,
    );
  return {
    sha256: createHash('sha256').update(body).digest('hex'),
    keyed_sha256: createHmac('sha256', key).update(body).digest('hex'),
  };
}

/** A delivery's id: the same part of the same bytes from the same source always has the same. */
export function deliveryId(source: string, keyedSha256: string, part = 0): string {
  return v5(`${source}\n${keyedSha256}${part > 0 ? `\n${part}` : ''}`, NAMESPACE);
}
