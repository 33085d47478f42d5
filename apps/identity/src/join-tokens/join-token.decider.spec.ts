import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { joinTokenDecider, type JoinTokenCommand } from './join-token.decider.js';
import type { JoinTokenEvent } from './join-token.events.js';

const at = '2030-01-02T03:04:05.000Z';
const later = '2030-01-02T03:05:05.000Z';
type Create = JoinTokenCommand & { type: 'CreateJoinToken' };
const create = (more: Partial<Create> = {}): JoinTokenCommand => ({
  type: 'CreateJoinToken',
  token_id: 't1',
  sha256: 'ab'.repeat(32),
  name: 'lab',
  pool: null,
  created_by: 'user:u1',
  expires_in_seconds: 60,
  now: at,
  ...more,
});
const revoke: JoinTokenCommand = { type: 'RevokeJoinToken', now: later };
const created: JoinTokenEvent = {
  type: 'JoinTokenCreated',
  data: {
    token_id: 't1',
    sha256: 'ab'.repeat(32),
    name: 'lab',
    pool: null,
    created_by: 'user:u1',
    expires_at: later,
    at,
  },
};
const revoked: JoinTokenEvent = { type: 'JoinTokenRevoked', data: { at: later } };

describe('a join token', () => {
  it('is made with its pool and its end', () => {
    given(joinTokenDecider).when(create()).then(created);
    given(joinTokenDecider)
      .when(create({ pool: 'gpu' }))
      .then({ ...created, data: { ...created.data, pool: 'gpu' } });
  });

  it('is for relays where that is told, and then of no pool', () => {
    given(joinTokenDecider)
      .when(create({ for: 'relay' }))
      .then({ ...created, data: { ...created.data, for: 'relay' } });
    given(joinTokenDecider, created)
      .when(create({ for: 'relay' }))
      .thenRejected('idempotency_key_reused');
    given(joinTokenDecider)
      .when(create({ for: 'relay', pool: 'gpu' }))
      .thenRejected('pool_is_for_agents');
  });

  it.each<[string, JoinTokenEvent[]]>([
    ['valid', [created]],
    ['revoked', [created, revoked]],
  ])('that is %s is the same when it is made again, and no other one takes its id', (_, history) => {
    given(joinTokenDecider, ...history)
      .when(create({ now: later }))
      .thenNothing();
    const others: Partial<Create>[] = [
      { sha256: 'cd'.repeat(32) },
      { name: 'other' },
      { pool: 'gpu' },
      { created_by: 'user:u2' },
      { expires_in_seconds: 61 },
    ];
    for (const other of others)
      given(joinTokenDecider, ...history)
        .when(create(other))
        .thenRejected('idempotency_key_reused');
  });

  it('is revoked once', () => {
    given(joinTokenDecider, created).when(revoke).then(revoked);
    given(joinTokenDecider, created, revoked).when(revoke).thenNothing();
    given(joinTokenDecider).when(revoke).thenRejected('join_token_not_found');
  });
});
