/** The customer's public keys: a JWKS (RFC 7517) of Ed25519 keys (RFC 8037), each with what it may sign. */
import type { JWK } from 'jose';

export const SIGNED = ['pipeline', 'approval', 'rollback'] as const;
export type Signed = (typeof SIGNED)[number];

export interface TrustedKey {
  kid: string;
  /** Public. */
  jwk: JWK;
  /** All, where the file does not say. */
  uses: readonly Signed[];
}

export type TrustedKeys = ReadonlyMap<string, TrustedKey>;

export class TrustedKeysError extends Error {
  override readonly name = 'TrustedKeysError';
}

const KID = /^[A-Za-z0-9._@-]{1,100}$/;
/** 32 bytes in base64url. */
const X = /^[A-Za-z0-9_-]{43}$/;
const FIELDS = ['kty', 'crv', 'x', 'kid', 'use', 'alg', 'key_ops', 'hybrid_use'];

/** By `kid`. Throws TrustedKeysError naming the key and what to mend: a key that is half understood is none. */
export function readTrustedKeys(text: string): TrustedKeys {
  const { keys } = (parsed(text) ?? {}) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length === 0)
    throw new TrustedKeysError('it must be a JWKS with at least one key: {"keys": [{"kty": "OKP", …}]}');
  const found = new Map<string, TrustedKey>();
  for (const [index, key] of keys.entries()) {
    const read = readTrustedKey(key, `keys[${index}]`);
    if (found.has(read.kid)) throw new TrustedKeysError(`keys[${index}]: two keys have the kid ${read.kid}`);
    const twin = [...found.values()].find(({ jwk }) => jwk.x === read.jwk.x);
    if (twin)
      throw new TrustedKeysError(
        `keys[${index}]: it is the key ${twin.kid} once more; one approver is not two`,
      );
    found.set(read.kid, read);
  }
  return found;
}

function readTrustedKey(value: unknown, where: string): TrustedKey {
  const fail = (what: string): never => {
    throw new TrustedKeysError(`${where}: ${what}`);
  };
  if (typeof value !== 'object' || value === null) return fail('it must be a JWK');
  const { kty, crv, x, kid, hybrid_use = SIGNED, ...others } = value as Record<string, unknown>;
  if ('d' in others)
    return fail('it holds a private key; leave only the public one here, and make a new pair');
  const unknown = Object.keys(others).find((name) => !FIELDS.includes(name));
  if (unknown !== undefined) return fail(`${unknown.slice(0, 50)} is no field of a public key`);
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || !X.test(x))
    return fail('only Ed25519 keys are taken: kty OKP, crv Ed25519, and x');
  if (typeof kid !== 'string' || !KID.test(kid)) return fail('it needs a kid of letters, digits and . _ @ -');
  const uses = Array.isArray(hybrid_use) ? (hybrid_use as Signed[]) : [];
  if (uses.length === 0 || uses.some((use) => !SIGNED.includes(use)))
    return fail(`hybrid_use must be a list of ${SIGNED.join(', ')}`);
  return { kid, jwk: { kty, crv, x }, uses };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TrustedKeysError('it is not JSON');
  }
}
