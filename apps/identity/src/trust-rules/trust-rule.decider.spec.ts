import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { trustRuleDecider, type TrustRuleCommand } from './trust-rule.decider.js';
import type { TrustRuleCreated, TrustRuleEvent } from './trust-rule.events.js';

const at = '2030-01-02T03:04:05.000Z';
const later = '2030-01-02T03:05:05.000Z';
const rule = {
  rule_id: 'r1',
  name: 'deploys',
  pool: 'gpu',
  issuer: 'https://issuer.example.com',
  audience: 'hybrid.example.com',
  subject: 'repo:acme/shop:*',
  claims: {},
  created_by: 'user:u1',
};
const create = (more: Partial<TrustRuleCreated> = {}, now = at): TrustRuleCommand => ({
  type: 'CreateTrustRule',
  ...rule,
  ...more,
  now,
});
const remove: TrustRuleCommand = { type: 'RemoveTrustRule', now: later };
const created: TrustRuleEvent = { type: 'TrustRuleCreated', data: { ...rule, at } };
const removed: TrustRuleEvent = { type: 'TrustRuleRemoved', data: { at: later } };

describe('a trust rule', () => {
  it('is made as told', () => {
    given(trustRuleDecider).when(create()).then(created);
  });

  it('is for a pool of agents, or for relays', () => {
    given(trustRuleDecider)
      .when(create({ for: 'relay', pool: null }))
      .then({ ...created, data: { ...created.data, for: 'relay', pool: null } });
    given(trustRuleDecider)
      .when(create({ for: 'relay' }))
      .thenRejected('pool_is_for_agents');
    given(trustRuleDecider)
      .when(create({ pool: null }))
      .thenRejected('trust_rule_incomplete');
  });

  it.each<[string, TrustRuleEvent[]]>([
    ['holds', [created]],
    ['was removed', [created, removed]],
  ])('that %s is the same when it is made again, and no other one takes its id', (_, history) => {
    given(trustRuleDecider, ...history)
      .when(create({}, later))
      .thenNothing();
    const others: Partial<typeof rule>[] = [
      { name: 'other' },
      { pool: 'other' },
      { issuer: 'https://other.example.com' },
      { audience: 'other' },
      { subject: 'other' },
      { claims: { environment: 'production' } },
      { created_by: 'user:u2' },
    ];
    for (const other of others)
      given(trustRuleDecider, ...history)
        .when(create(other))
        .thenRejected('idempotency_key_reused');
  });

  it.each([
    'http://issuer.example.com',
    'http://localhost.example.com',
    'http://127.0.0.1.example.com',
    'http://10.0.0.1',
    'http://localhost@example.com',
    'https://user:word@issuer.example.com',
    'https://issuer.example.com?x=1',
    'https://issuer.example.com#x',
    'https://issuer.example.com ',
    'ftp://issuer.example.com',
    'file:///etc/passwd',
    'https://',
    'issuer',
    '',
  ])('does not trust the issuer "%s"', (issuer) => {
    given(trustRuleDecider).when(create({ issuer })).thenRejected('trust_rule_issuer_invalid');
  });

  it.each([
    'https://issuer.example.com/',
    'https://issuer.example.com/realms/acme',
    'http://localhost:8080',
    'http://127.0.0.1:8080/path',
    'http://[::1]:8080',
  ])('may trust the issuer "%s"', (issuer) => {
    given(trustRuleDecider).when(create({ issuer })).thenTypes('TrustRuleCreated');
  });

  it.each([{ audience: '' }, { audience: ' ' }, { subject: '' }, { subject: ' ' }])(
    'names both: %j',
    (more) => {
      given(trustRuleDecider).when(create(more)).thenRejected('trust_rule_incomplete');
    },
  );

  it.each(['*', '**', '*:*', '*/*:*'])('does not let in everybody: "%s" needs claims', (subject) => {
    given(trustRuleDecider).when(create({ subject })).thenRejected('trust_rule_subject_too_wide');
    given(trustRuleDecider)
      .when(create({ subject, claims: { tenant: 'acme' } }))
      .thenTypes('TrustRuleCreated');
  });

  it('is removed once', () => {
    given(trustRuleDecider, created).when(remove).then(removed);
    given(trustRuleDecider, created, removed).when(remove).thenNothing();
    given(trustRuleDecider).when(remove).thenRejected('trust_rule_not_found');
  });
});
