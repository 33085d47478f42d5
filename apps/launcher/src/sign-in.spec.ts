import { describe, expect, it } from '@jest/globals';
import { signInHelp } from './sign-in.js';

describe('the way to sign in', () => {
  it('is short where everything is as usual', () =>
    expect(signInHelp('http://127.0.0.1:8080', '/srv/hybrid/.data/admin-token', '/srv/hybrid')).toEqual([
      'sign in with the token in .data/admin-token:',
      '  curl -H "Authorization: Bearer $(cat .data/admin-token)" http://127.0.0.1:8080/api/runs',
      '  npm run hybrid -- run list',
    ]));

  it('names what is not as usual', () =>
    expect(signInHelp('http://127.0.0.1:81', "/tmp/it's here/admin-token", '/srv').at(-1)).toBe(
      `  HYBRID_URL=http://127.0.0.1:81 HYBRID_TOKEN_FILE='/tmp/it'\\''s here/admin-token' npm run hybrid -- run list`,
    ));
});
