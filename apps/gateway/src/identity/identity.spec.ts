import { describe, expect, it } from '@jest/globals';
import { digest, Tokens } from './identity.js';

const ADMIN = 'a'.repeat(43);
const JOIN = 'j'.repeat(43);

describe('the tokens of an installation', () => {
  const tokens = new Tokens(ADMIN, JOIN);

  it.each([
    [ADMIN, 'installation'],
    [JOIN, 'joiner'],
    [ADMIN.slice(1), undefined],
    [`${ADMIN}a`, undefined],
    [ADMIN.toUpperCase(), undefined],
    ['', undefined],
  ])('%s is %s', (token, kind) => {
    expect(tokens.kindOf(digest(token))).toBe(kind);
  });
});
