/** Signatures of https://www.standardwebhooks.com: over `<id>.<seconds>.<body>`, HMAC-SHA-256 or Ed25519. */
import { createHmac, createPublicKey, timingSafeEqual, verify as verifySignature } from 'node:crypto';
import type { WebhookRefusal, WebhookRequest } from './received.js';
import { timestampRefusal } from './timestamp.js';

const TOLERANCE_SECONDS = 300;
/** Signatures in one header: two while a secret is replaced. */
const MAX_SIGNATURES = 10;
const SIGNATURE_BYTES = { v1: 32, v1a: 64 };

/** `whsec_`: a shared secret in base64; `whpk_`: the sender's public key. */
const PREFIX = /^(whsec_|whpk_)/;

export function isStandardSecret(secret: string): boolean {
  return PREFIX.test(secret);
}

/** Shared secrets may also be bare base64, as the standard's own libraries take them. */
export function verifyStandard(
  { headers, body }: WebhookRequest,
  secrets: readonly string[],
  now: number,
): WebhookRefusal | null {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signature = headers['webhook-signature'];
  for (const [name, value] of Object.entries({ 'webhook-id': id, 'webhook-signature': signature })) {
    if (value === undefined)
      return {
        status: 401,
        code: 'unsigned',
        detail: `the header ${name} is missing: give the webhook a secret`,
      };
  }
  const stale = timestampRefusal('webhook-timestamp', timestamp, now, TOLERANCE_SECONDS);
  if (stale) return stale;
  const signatures = signaturesIn(signature);
  if (typeof id !== 'string' || !/^[!-~]{1,200}$/.test(id) || signatures === null) return wrong();
  const signed = Buffer.concat([Buffer.from(`${id}.${timestamp as string}.`), body]);
  const fitting = secrets.flatMap((secret) =>
    signatures.filter(({ version, bytes }) => {
      const key = keyOf(secret, version);
      return key !== null && isSignedWith(version, key, signed, bytes);
    }),
  );
  return fitting.length > 0 ? null : wrong();
}

interface Signature {
  version: 'v1' | 'v1a';
  bytes: Buffer;
}

/** Those of versions that are known; null where one is not written as it should be. */
function signaturesIn(header: string | string[] | undefined): Signature[] | null {
  if (typeof header !== 'string') return null;
  const parts = header.split(' ');
  if (parts.length > MAX_SIGNATURES || !parts.every((part) => /^[a-z0-9]{1,10},\S+$/.test(part))) return null;
  const known = parts.filter((part) => /^v1a?,/.test(part));
  const signatures = known.map((part): Signature | null => {
    const version = part.startsWith('v1,') ? 'v1' : 'v1a';
    const bytes = fromBase64(part.slice(version.length + 1));
    return bytes?.byteLength === SIGNATURE_BYTES[version] ? { version, bytes } : null;
  });
  return signatures.every((one) => one !== null) ? signatures : null;
}

/** Null where the secret is not for signatures of that version, or no key at all. */
function keyOf(secret: string, version: 'v1' | 'v1a'): Buffer | null {
  const isPublic = secret.startsWith('whpk_');
  if (isPublic !== (version === 'v1a')) return null;
  const key = fromBase64(secret.replace(PREFIX, ''));
  if (key === null || key.byteLength === 0) return null;
  return isPublic && key.byteLength !== 32 ? null : key;
}

/** What is wrong with a secret of this kind, never with its value; null if nothing is. */
export function standardSecretFault(secret: string): string | null {
  if (secret.startsWith('whpk_')) {
    return keyOf(secret, 'v1a') ? null : 'a public key is `whpk_` and 32 bytes in base64';
  }
  const key = keyOf(secret, 'v1');
  return key && key.byteLength >= 16 ? null : 'a secret is `whsec_` and at least 16 bytes in base64';
}

function isSignedWith(version: 'v1' | 'v1a', key: Buffer, signed: Buffer, signature: Buffer): boolean {
  if (version === 'v1') return timingSafeEqual(createHmac('sha256', key).update(signed).digest(), signature);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') };
  return verifySignature(null, signed, createPublicKey({ key: jwk, format: 'jwk' }), signature);
}

function fromBase64(text: string): Buffer | null {
  const isBase64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
  return isBase64 && text.length <= 1_000 ? Buffer.from(text, 'base64') : null;
}

function wrong(): WebhookRefusal {
  return {
    status: 401,
    code: 'bad_signature',
    detail:
      "the header webhook-signature fits none of the source's secrets: enter the same secret on both sides",
  };
}
