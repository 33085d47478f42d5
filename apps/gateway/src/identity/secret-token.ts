/**
 * Secrets that are shown once: `hyk_<43 characters of 256 random bits><6 of a checksum>`. The prefix says what it is and
 * the checksum that it is one, so that scanners of leaked secrets find them without false alarms, and typing errors are
 * told without asking anybody. Only the SHA-256 is kept; its first half is the secret's id.
 */
import { hash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** API key, join token, session, invitation, device login, key of a relay. */
const PREFIXES = {
  key: 'hyk',
  join: 'hyj',
  session: 'hys',
  invitation: 'hyi',
  device: 'hyd',
  relay: 'hyr',
} as const;
export type TokenKind = keyof typeof PREFIXES;

export interface SecretToken {
  kind: TokenKind;
  /** 32 hexadecimal digits: what it is called where the secret must not be. */
  id: string;
  /** Hex. */
  sha256: string;
}

const SHAPE = /^(hy[a-z])_([A-Za-z0-9_-]{43})([0-9a-z]{6,7})$/;
/** 32-bit numbers have up to seven digits to the base 36; six characters or more always. */
const CHECKSUM_LENGTH = 6;

/** @param bits 32 bytes; random unless the same token must come again. */
export function newSecretToken(
  kind: TokenKind,
  bits: Buffer = randomBytes(32),
): SecretToken & { token: string } {
  const body = `${PREFIXES[kind]}_${bits.toString('base64url')}`;
  const token = body + checksum(body);
  return { token, ...known(kind, token) };
}

/** Null for anything that was never one of ours: another shape, or a checksum that does not fit. */
export function readSecretToken(text: string): SecretToken | null {
  const [, prefix, secret, sum] = SHAPE.exec(text) ?? [];
  const [kind] = Object.entries(PREFIXES).find(([, known]) => known === prefix) ?? [];
  if (!kind || checksum(`${prefix}_${secret}`) !== sum) return null;
  return known(kind as TokenKind, text);
}

function known(kind: TokenKind, token: string): SecretToken {
  const sha256 = hash('sha256', token, 'hex');
  return { kind, id: sha256.slice(0, 32), sha256 };
}

function checksum(body: string): string {
  return crc32(body).toString(36).padStart(CHECKSUM_LENGTH, '0');
}

/** Ids of relays are UUIDs: their key's id as one (RFC 9562, version 8). */
export function relayIdOf(id: string): string {
  const parts = [
    id.slice(0, 8),
    id.slice(8, 12),
    `8${id.slice(13, 16)}`,
    `8${id.slice(17, 20)}`,
    id.slice(20),
  ];
  return parts.join('-');
}
