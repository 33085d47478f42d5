/** Passwords as the users file keeps them: `scrypt$N$r$p$salt$hash`, salt and hash in base64. */
import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { promisify } from 'node:util';
import { BadSettingError } from '../settings.js';

const derive = promisify<string | Buffer, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** OWASP's advice for 32 MiB of memory: about 0.2 s, which is paid once for each client, not for each call. */
const COST = { N: 2 ** 15, r: 8, p: 3 };
const MAX_MEMORY = 256 * 1024 * 1024;
const HASH_BYTES = 32;
const FORMAT = /^scrypt\$(\d{1,8})\$(\d{1,3})\$(\d{1,3})\$([A-Za-z0-9+/]+={0,2})\$([A-Za-z0-9+/]+={0,2})$/;

/** The hash of a password under a new salt. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, HASH_BYTES, { ...COST, maxmem: MAX_MEMORY });
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64'), hash.toString('base64')].join('$');
}

/** Whether `hashPassword` could have made this hash, with whatever cost up to 256 MiB of memory. */
export function isPasswordHash(text: string): boolean {
  const [, N, r, p] = FORMAT.exec(text)?.map(Number) ?? [];
  if (!N || !r || !p) return false;
  return N >= 2 && Number.isInteger(Math.log2(N)) && 128 * N * r * p <= MAX_MEMORY;
}

/** Whether the password is the one that was hashed; takes as long when it is not. Throws if `hash` is none. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, N, r, p, salt = '', expected = ''] = FORMAT.exec(hash) ?? [];
  const known = Buffer.from(expected, 'base64');
  const cost = { N: Number(N), r: Number(r), p: Number(p), maxmem: 2 * MAX_MEMORY };
  const actual = await derive(password, Buffer.from(salt, 'base64'), known.length, cost);
  return timingSafeEqual(actual, known);
}

/** `main.js hash-password`: reads a password from stdin, up to its first line's end, and writes its hash to stdout. */
export async function hashPasswordFromStdin(): Promise<void> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  const [password = ''] = text.split(/\r?\n/, 1);
  if (!password)
    throw new BadSettingError(
      'Give the password on stdin: printf %s "$PASSWORD" | node main.js hash-password',
    );
  process.stdout.write(`${await hashPassword(password)}\n`);
}
