import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { newSecretToken, readSecretToken, type TokenKind } from './secret-token.js';

describe('a secret token', () => {
  it.each<[TokenKind, string]>([
    ['key', 'hyk'],
    ['join', 'hyj'],
    ['session', 'hys'],
    ['invitation', 'hyi'],
    ['device', 'hyd'],
    ['relay', 'hyr'],
  ])('of a %s begins with %s, and is read again', (kind, prefix) => {
    const { token, id, sha256 } = newSecretToken(kind);
    expect(token).toMatch(new RegExp(`^${prefix}_[A-Za-z0-9_-]{43}[0-9a-z]{6,7}$`));
    expect(sha256).toBe(createHash('sha256').update(token).digest('hex'));
    expect(readSecretToken(token)).toEqual({ kind, id, sha256 });
    expect(token).not.toContain(id);
  });

  it('is another one each time, unless it is made of the same bits', () => {
    expect(newSecretToken('key').token).not.toBe(newSecretToken('key').token);
    const bits = Buffer.alloc(32, 7);
    expect(newSecretToken('key', bits)).toEqual(newSecretToken('key', bits));
  });

  it('is none with any one character changed, added or left out', () => {
    const { token } = newSecretToken('key', Buffer.alloc(32, 1));
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'x' ? 'y' : 'x';
      expect(readSecretToken(token.slice(0, at) + other + token.slice(at + 1))).toBeNull();
      expect(readSecretToken(token.slice(0, at) + token.slice(at + 1))).toBeNull();
    }
    for (const text of ['', 'hyk_', `${token}x`, ` ${token}`, `${token}\n`, token.toUpperCase()])
      expect(readSecretToken(text)).toBeNull();
  });
});
