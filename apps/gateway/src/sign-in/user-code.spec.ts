import { describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { readUserCode, showUserCode, userCodeOf } from './user-code.js';

describe('a code to type', () => {
  const code = userCodeOf(hash('sha256', 'device', 'hex'));

  it('has eight letters that nobody mistakes, and spell no word', () =>
    expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{8}$/));

  it('is another one for another device', () =>
    expect(userCodeOf(hash('sha256', 'other', 'hex'))).not.toBe(code));

  it.each([code, showUserCode(code), showUserCode(code).toLowerCase(), ` ${code.split('').join(' ')} `])(
    'is read from %j',
    (text) => expect(readUserCode(text)).toBe(code),
  );

  it.each(['', 'BCDFGHJ', 'BCDFGHJKL', 'AEIOUAEI', 'BCDF-GHJ1', 'BCDF.GHJK', 'session.x', '>'])(
    'is not read from %j',
    (text) => expect(readUserCode(text)).toBeNull(),
  );
});
