import { describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { digest, newCredential, Tokens } from './identity.js';

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

describe('a credential', () => {
  const id = '00000000-0000-4000-8000-000000000000';

  it('names its agent, and only its digest is for others', () => {
    const { credential, credential_sha256 } = newCredential(id);
    expect(credential).toMatch(new RegExp(`^hya_${id}_[A-Za-z0-9_-]{43}$`));
    expect(credential_sha256).toBe(createHash('sha256').update(credential).digest('hex'));
  });

  it('is another one each time', () => {
    expect(newCredential(id).credential).not.toBe(newCredential(id).credential);
  });
});
