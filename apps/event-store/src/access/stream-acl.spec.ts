import { describe, expect, it } from '@jest/globals';
import {
  isOperator,
  mayDo,
  parseAcl,
  parseSettings,
  type Principal,
  type StreamAction,
} from './stream-acl.js';

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const someone: Principal = { name: 'ann', groups: ['builders'] };
const admin: Principal = { name: 'root', groups: ['$admins'] };
const operator: Principal = { name: 'ops', groups: ['$ops'] };

const may = (
  who: Principal,
  action: StreamAction,
  stream: string,
  { acl, settings }: { acl?: unknown; settings?: unknown } = {},
) => mayDo(who, action, stream, parseAcl(json({ $acl: acl })), parseSettings(json(settings ?? {})));

describe('without an ACL', () => {
  it.each([
    [true, someone, 'read', 'job-1'],
    [true, someone, 'write', 'job-1'],
    [true, someone, 'delete', 'job-1'],
    [true, someone, 'read', '$$job-1'],
    [true, someone, 'write', '$$job-1'],
    [false, someone, 'read', '$all'],
    [false, someone, 'read', '$settings'],
    [false, someone, 'write', '$ce-job'],
    [false, someone, 'read', '$$$settings'],
    [false, operator, 'read', '$all'],
    [true, operator, 'read', 'job-1'],
    [true, admin, 'read', '$all'],
    [true, admin, 'write', '$settings'],
    [true, admin, 'write', '$$$settings'],
    [false, admin, 'write', '$all'],
    [false, admin, 'delete', '$all'],
    [false, admin, 'delete', '$$job-1'],
  ] as const)('it is %s that %o may %s %s', (allowed, who, action, stream) => {
    expect(may(who, action, stream)).toBe(allowed);
  });
});

describe('the ACL of a stream', () => {
  it.each([
    [true, { $r: 'ann' }, 'read', 'job-1'],
    [true, { $r: ['bob', 'builders'] }, 'read', 'job-1'],
    [false, { $r: ['bob'] }, 'read', 'job-1'],
    [true, { $r: ['$all'] }, 'read', 'job-1'],
    [false, { $r: [] }, 'read', 'job-1'],
    [true, { $r: 'bob' }, 'write', 'job-1'],
    [false, { $w: 'bob' }, 'write', 'job-1'],
    [false, { $d: 'bob' }, 'delete', 'job-1'],
    [false, { $mr: 'bob' }, 'read', '$$job-1'],
    [true, { $mr: 'bob' }, 'read', 'job-1'],
    [false, { $mw: 'bob' }, 'write', '$$job-1'],
    [true, { $mw: 'builders' }, 'write', '$$job-1'],
    [true, { $r: 'ann' }, 'read', '$ce-job'],
    [true, '$userStreamAcl', 'read', '$ce-job'],
    [false, '$systemStreamAcl', 'read', 'job-1'],
    [false, 'nonsense', 'read', 'job-1'],
    [false, ['ann'], 'read', 'job-1'],
    [false, { $r: 7 }, 'read', 'job-1'],
  ] as const)('%s: %o, %s %s', (allowed, acl, action, stream) => {
    expect(may(someone, action, stream, { acl })).toBe(allowed);
    expect(may(admin, action, stream, { acl })).toBe(true);
  });
});

describe('the settings', () => {
  const settings = { $userStreamAcl: { $r: 'bob', $w: 'ann' }, $systemStreamAcl: { $r: ['builders'] } };
  it('decide where the stream does not', () => {
    expect(may(someone, 'read', 'job-1', { settings })).toBe(false);
    expect(may(someone, 'write', 'job-1', { settings })).toBe(true);
    expect(may(someone, 'delete', 'job-1', { settings })).toBe(true);
    expect(may(someone, 'read', '$all', { settings })).toBe(true);
    expect(may(someone, 'write', '$ce-job', { settings })).toBe(false);
  });

  it('give way to the stream, right by right', () => {
    expect(may(someone, 'read', 'job-1', { settings, acl: { $r: 'ann' } })).toBe(true);
    expect(may(someone, 'read', 'job-1', { settings, acl: { $w: 'ann' } })).toBe(false);
  });
});

it('takes data that is no JSON for no ACL and no settings', () => {
  expect(parseAcl(Buffer.from('{'))).toBeUndefined();
  expect(parseSettings(Buffer.from('[]'))).toEqual({});
});

it('lets admins and operators manage subscriptions, and nobody else', () => {
  expect([admin, operator, someone].map(isOperator)).toEqual([true, true, false]);
});
