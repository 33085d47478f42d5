/** A customer's key pair: the private half signs and stays with its owner, the public one goes to the agents. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Signed } from './trusted-keys.js';

export interface SigningKey extends JWK {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
  d: string;
  kid: string;
}

/** Its `kid` is the key's thumbprint (RFC 7638) unless it is given a name. */
export async function newSigningKey(kid?: string): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { x, d } = await exportJWK(privateKey);
  const key = { kty: 'OKP', crv: 'Ed25519', x: x!, d: d! } as const;
  return { ...key, kid: kid ?? (await calculateJwkThumbprint(publicHalf(key))) };
}

/** As it stands in a JWKS; for all uses unless told. */
export function publicKeyOf(key: SigningKey, uses?: readonly Signed[]): JWK & { hybrid_use?: Signed[] } {
  return { ...publicHalf(key), kid: key.kid, ...(uses && { hybrid_use: [...uses] }) };
}

/** Throws Error with what is wrong; never with what the text holds. */
export function readSigningKey(text: string): SigningKey {
  let value: Partial<SigningKey> | null;
  try {
    value = JSON.parse(text) as Partial<SigningKey> | null;
  } catch {
    throw new Error('it is not JSON: make a key with `hybrid key-pair create`');
  }
  const { kty, crv, x, d, kid } = value ?? {};
  const texts = [x, d, kid].every((part) => typeof part === 'string' && part !== '');
  if (kty !== 'OKP' || crv !== 'Ed25519' || !texts)
    throw new Error('it is no private Ed25519 JWK with a kid: make a key with `hybrid key-pair create`');
  return { kty, crv, x: x!, d: d!, kid: kid! };
}

function publicHalf({ kty, crv, x }: { kty: 'OKP'; crv: 'Ed25519'; x: string }) {
  return { kty, crv, x };
}
