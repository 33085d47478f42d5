import { describe, expect, it } from '@jest/globals';
import { BadSettingError } from '../settings.js';
import { parseUsers, readUsersFile } from './users-file.js';

const hash = 'scrypt$16384$8$1$c2FsdA==$AAAA';
const parse = (...users: unknown[]) => parseUsers(JSON.stringify({ users }), '/etc/users.json');

describe('the users file', () => {
  it('names users, their password hashes and groups', () => {
    expect(
      parse({ name: 'ann', password_hash: hash, groups: ['$admins'] }, { name: 'bob', password_hash: hash }),
    ).toEqual([
      { name: 'ann', passwordHash: hash, groups: ['$admins'] },
      { name: 'bob', passwordHash: hash, groups: [] },
    ]);
  });

  it.each([
    [[], 'names no users'],
    [[{ password_hash: hash }], 'users[0].name'],
    [[{ name: 'a:b', password_hash: hash }], 'users[0].name'],
    [[{ name: '$admins', password_hash: hash }], 'users[0].name'],
    [[{ name: 'ann', password_hash: 'secret' }], 'users[0].password_hash (make one'],
    [[{ name: 'ann', password_hash: hash, groups: 'x' }], 'users[0].groups'],
    [[{ name: 'ann', password_hash: hash, group: ['x'] }], 'users[0].group'],
    [[{ name: 'ann', password_hash: hash }, 7], 'users[1].name'],
    [
      [
        { name: 'ann', password_hash: hash },
        { name: 'ann', password_hash: hash },
      ],
      "names 'ann' twice",
    ],
  ])('%o is refused', (users, message) => {
    expect(() => parse(...users)).toThrow(BadSettingError);
    expect(() => parse(...users)).toThrow(message);
    expect(() => parse(...users)).not.toThrow('"secret"');
  });

  it('must be there and be JSON', () => {
    expect(() => parseUsers('{', '/etc/users.json')).toThrow('/etc/users.json is no JSON');
    expect(() => readUsersFile('/nowhere/users.json')).toThrow('Check EVENT_STORE_USERS_FILE');
  });
});
