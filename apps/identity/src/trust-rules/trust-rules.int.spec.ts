import { identityRequests, type CreateTrustRule } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { IdentityBench } from '../identity.fixtures.js';

const { createTrustRule, trustRules, removeTrustRule, trustRule, trustRulesOf } = identityRequests;
const notFound = { problem: { kind: 'not_found', code: 'trust_rule_not_found' } };
const issuer = 'https://issuer.example.com';

describe('trust rules, over NATS, with two replicas', () => {
  let bench: IdentityBench;
  const stranger = callBy('user', 'u1', 'elsewhere');

  beforeAll(async () => void (bench = await IdentityBench.start()));
  afterAll(() => bench?.stop());

  /** A rule of an organisation that has no other, unless told. */
  const make = async (
    more: Partial<CreateTrustRule> = {},
    call = callBy('user', 'u1', `org-${randomUUID()}`),
  ) => {
    const rule_id = randomUUID();
    const rule = {
      name: 'shop',
      pool: 'gpu',
      issuer,
      audience: 'hybrid',
      subject: 'repo:acme/shop',
      ...more,
    };
    const wanted = { ...rule, rule_id };
    return { view: await bench.send(createTrustRule, wanted, call), wanted, call, rule_id };
  };

  it('are made, and hold at once', async () => {
    const { view, wanted, rule_id, call } = await make({ claims: { environment: 'production' } });
    expect(view).toEqual({
      for: 'agent',
      ...wanted,
      created_by: 'user:u1',
      created_at: expect.any(String) as unknown,
      removed_at: null,
    });
    expect(await bench.stream('trustRule', rule_id)).toMatchObject([
      {
        type: 'TrustRuleCreated',
        data: { ...wanted, created_by: 'user:u1', at: view.created_at },
        metadata: { org: call.org, actor: { type: 'user', id: 'u1' } },
      },
    ]);
    expect(await bench.send(trustRule, { rule_id }, call)).toEqual(view);
  });

  it('come once, however often they are asked for', async () => {
    const { view, wanted, call, rule_id } = await make();
    const again = await Promise.all([1, 2, 3].map(() => bench.send(createTrustRule, wanted, call)));
    expect(again).toEqual([view, view, view]);
    await expect(bench.send(createTrustRule, { ...wanted, pool: 'other' }, call)).rejects.toMatchObject({
      problem: { kind: 'conflict', code: 'idempotency_key_reused' },
    });
    expect(await bench.stream('trustRule', rule_id)).toHaveLength(1);
  });

  it.each<[Partial<CreateTrustRule>, string]>([
    [{ issuer: 'http://issuer.example.com' }, 'trust_rule_issuer_invalid'],
    [{ audience: ' ' }, 'trust_rule_incomplete'],
    [{ subject: '*' }, 'trust_rule_subject_too_wide'],
  ])('that would let in anybody are refused: %j', async (more, code) => {
    await expect(make(more)).rejects.toMatchObject({ problem: { kind: 'invalid', code } });
  });

  it('that are removed do not hold any more, and gateways hear of it', async () => {
    const { view, rule_id, call } = await make();
    const removed = await bench.send(removeTrustRule, { rule_id }, call);
    expect(removed).toEqual({ ...view, removed_at: expect.any(String) as unknown });
    expect(await bench.send(removeTrustRule, { rule_id }, call)).toEqual(removed);
    await expect(bench.send(trustRule, { rule_id }, call)).rejects.toMatchObject(notFound);
    const fresh = bench.fresh(call);
    expect(await bench.send(trustRulesOf, { issuer }, fresh)).toEqual({ rules: [] });
    expect(await bench.send(trustRules, {}, fresh)).toMatchObject({ items: [removed], total: 1 });
    expect((await bench.stream('trustRule', rule_id)).map(({ type }) => type)).toEqual([
      'TrustRuleCreated',
      'TrustRuleRemoved',
    ]);
    await eventually(() => expect(bench.forgotten).toContain(`rule:${rule_id}`));
  });

  it('are found by their issuer, letter for letter, the oldest first', async () => {
    const { view: one, call } = await make();
    const { view: two } = await make({ subject: 'repo:acme/other' }, call);
    await make({ issuer: `${issuer}/` }, call);
    const fresh = bench.fresh(call);
    expect(await bench.send(trustRulesOf, { issuer }, fresh)).toEqual({ rules: [one, two] });
    expect(await bench.send(trustRulesOf, { issuer: 'https://other.example.com' }, fresh)).toEqual({
      rules: [],
    });
  });

  it('of other organisations are not there', async () => {
    const { rule_id, call } = await make();
    for (const request of [trustRule, removeTrustRule])
      await expect(bench.send(request, { rule_id }, stranger)).rejects.toMatchObject(notFound);
    const fresh = bench.fresh(stranger);
    expect(await bench.send(trustRules, {}, fresh)).toMatchObject({ items: [], total: 0 });
    expect(await bench.send(trustRulesOf, { issuer }, fresh)).toEqual({ rules: [] });
    expect(await bench.send(trustRule, { rule_id }, call)).toMatchObject({ rule_id });
  });
});
