import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { keyDecider, type KeyCommand } from './key.decider.js';
import type { KeyEvent } from './key.events.js';

const at = '2030-01-02T03:04:05.000Z';
const later = '2030-01-02T03:05:05.000Z';
type Create = KeyCommand & { type: 'CreateKey' };
const create = (more: Partial<Create> = {}): KeyCommand => ({
  type: 'CreateKey',
  key_id: 'k1',
  sha256: 'ab'.repeat(32),
  name: 'deploys',
  roles: [{ role: 'viewer' }],
  created_by: 'user:u1',
  expires_in_seconds: 60,
  now: at,
  ...more,
});
const revoke = (created_by?: string): KeyCommand => ({ type: 'RevokeKey', created_by, now: later });
const created: KeyEvent = {
  type: 'ApiKeyCreated',
  data: {
    key_id: 'k1',
    sha256: 'ab'.repeat(32),
    name: 'deploys',
    roles: [{ role: 'viewer' }],
    created_by: 'user:u1',
    expires_at: later,
    at,
  },
};
const revoked: KeyEvent = { type: 'ApiKeyRevoked', data: { at: later } };

describe('an API key', () => {
  it('is made with its roles and its end', () => {
    given(keyDecider).when(create()).then(created);
  });

  it.each<[string, KeyEvent[]]>([
    ['valid', [created]],
    ['revoked', [created, revoked]],
  ])('that is %s is the same when it is made again, and no other one takes its id', (_, history) => {
    given(keyDecider, ...history)
      .when(create({ now: later }))
      .thenNothing();
    const others: Partial<Create>[] = [
      { sha256: 'cd'.repeat(32) },
      { name: 'other' },
      { roles: [{ role: 'viewer' }, { role: 'admin' }] },
      { roles: [{ role: 'viewer', pool: 'gpu' }] },
      { created_by: 'user:u2' },
      { expires_in_seconds: 61 },
    ];
    for (const other of others)
      given(keyDecider, ...history)
        .when(create(other))
        .thenRejected('idempotency_key_reused');
  });

  it('has a role, and each on one thing at most', () => {
    given(keyDecider)
      .when(create({ roles: [] }))
      .thenRejected('roles_missing');
    given(keyDecider)
      .when(create({ roles: [{ role: 'viewer', pool: 'a', pipeline: 'b' }] }))
      .thenRejected('roles_ambiguous');
  });

  it('is revoked once', () => {
    given(keyDecider, created).when(revoke()).then(revoked);
    given(keyDecider, created).when(revoke('user:u1')).then(revoked);
    given(keyDecider, created, revoked).when(revoke()).thenNothing();
  });

  it.each<[string, KeyEvent[]]>([
    ['nobody made', []],
    ['is valid', [created]],
    ['is revoked', [created, revoked]],
  ])('that %s is not there for others than its maker', (_, history) => {
    given(keyDecider, ...history)
      .when(revoke('user:u2'))
      .thenRejected('key_not_found');
  });

  it('that nobody made is not revoked', () => {
    given(keyDecider).when(revoke()).thenRejected('key_not_found');
  });
});
