/** The header Content-Digest (RFC 9530), with SHA-256 and nothing else. */
import { hash } from 'node:crypto';

/** Of a body as it is sent; of no body as of an empty one. */
export function contentDigest(body: string | Uint8Array = ''): string {
  return `sha-256=:${hash('sha256', body, 'base64')}:`;
}

/** @param sha256 64 hexadecimal digits. */
export function contentDigestOf(sha256: string): string {
  return `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
}
