import { describe, expect, it } from '@jest/globals';
import { hashPassword, isPasswordHash, verifyPassword } from './password-hash.js';

describe('a password hash', () => {
  it('knows its password, and no other', async () => {
    const hash = await hashPassword('pässword');
    expect(isPasswordHash(hash)).toBe(true);
    expect(await verifyPassword('pässword', hash)).toBe(true);
    expect(await verifyPassword('password', hash)).toBe(false);
    expect(await verifyPassword('', hash)).toBe(false);
  });

  it('is another each time', async () => {
    expect(await hashPassword('a')).not.toBe(await hashPassword('a'));
  });

  it('may have been made at another cost', async () => {
    // scrypt('secret', 'salt', 32, { N: 2, r: 1, p: 1 }), computed with Python's hashlib.
    const hash = 'scrypt$2$1$1$c2FsdA==$Mg+j147YoCdA+qrUwvASXtMPpt7O8kuKFUTqdS+qQGA=';
    expect(await verifyPassword('secret', hash)).toBe(true);
  });

  it.each([
    'secret',
    '',
    'scrypt$3$1$1$c2FsdA==$AAAA',
    'scrypt$1$1$1$c2FsdA==$AAAA',
    'scrypt$16384$0$1$c2FsdA==$AAAA',
    'scrypt$33554432$8$1$c2FsdA==$AAAA',
    'scrypt$16384$8$1$$AAAA',
    'bcrypt$16384$8$1$c2FsdA==$AAAA',
  ])('is not %s', (text) => {
    expect(isPasswordHash(text)).toBe(false);
  });
});
