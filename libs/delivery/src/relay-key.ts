/** The key pair that a relay signs deliveries with: Ed25519, as JSON Web Keys (RFC 8037). */
import { generateKeyPairSync } from 'node:crypto';
import type { JWK } from 'jose';

/** A new private key. Its `x` is what a relay registers with. */
export function newRelayKey(): JWK & { x: string; d: string } {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }) as JWK & {
    x: string;
    d: string;
  };
}

/** The public key of what a relay registered with: 32 bytes in base64url. */
export function relayPublicKey(x: string): JWK {
  return { kty: 'OKP', crv: 'Ed25519', x };
}
