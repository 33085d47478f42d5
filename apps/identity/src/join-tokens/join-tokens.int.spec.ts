import { identityRequests, type CreateJoinToken } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { IdentityBench, newSecret } from '../identity.fixtures.js';

const { createJoinToken, joinTokens, revokeJoinToken, joinAccess } = identityRequests;
const unknown = { problem: { kind: 'unauthenticated', code: 'join_token_unknown' } };
const notFound = { problem: { kind: 'not_found', code: 'join_token_not_found' } };

describe('join tokens, over NATS, with two replicas', () => {
  let bench: IdentityBench;

  beforeAll(async () => void (bench = await IdentityBench.start()));
  afterAll(() => bench?.stop());

  /** A token of an organisation that has no other. */
  const make = async (more: Partial<CreateJoinToken> = {}) => {
    const call = callBy('user', 'u1', `org-${randomUUID()}`);
    const { id: token_id, sha256 } = newSecret();
    const wanted = { name: 'lab', ...more, token_id, sha256 };
    return { view: await bench.send(createJoinToken, wanted, call), wanted, call, token_id, sha256 };
  };
  const access = (token_id: string, sha256: string) => bench.send(joinAccess, { token_id, sha256 });

  it('are made, written down without the token, and let in at once', async () => {
    const { view, call, token_id, sha256 } = await make({ pool: 'gpu', expires_in_seconds: 60 });
    expect(view).toEqual({
      token_id,
      name: 'lab',
      for: 'agent',
      pool: 'gpu',
      created_by: 'user:u1',
      created_at: expect.any(String) as unknown,
      expires_at: new Date(Date.parse(view.created_at) + 60_000).toISOString(),
      revoked_at: null,
    });
    const { created_at: at, revoked_at: _, for: __, ...data } = view;
    expect(await bench.stream('joinToken', token_id)).toMatchObject([
      { type: 'JoinTokenCreated', data: { ...data, sha256, at }, metadata: { org: call.org } },
    ]);
    const { expires_at } = view;
    expect(await access(token_id, sha256)).toEqual({
      token_id,
      org: call.org,
      for: 'agent',
      pool: 'gpu',
      expires_at,
    });
  });

  it('last 30 days, and are for any pool, unless told', async () => {
    const { view } = await make();
    expect(view.pool).toBeNull();
    expect(Date.parse(view.expires_at) - Date.parse(view.created_at)).toBe(30 * 86_400_000);
  });

  it('come once, however often they are asked for', async () => {
    const { view, wanted, call, token_id } = await make();
    const again = await Promise.all([1, 2, 3].map(() => bench.send(createJoinToken, wanted, call)));
    expect(again).toEqual([view, view, view]);
    await expect(bench.send(createJoinToken, { ...wanted, pool: 'gpu' }, call)).rejects.toMatchObject({
      problem: { kind: 'conflict', code: 'idempotency_key_reused' },
    });
    expect(await bench.stream('joinToken', token_id)).toHaveLength(1);
  });

  it('are refused alike: unknown, with another digest, revoked, at their end', async () => {
    const { token_id, sha256, call } = await make();
    const other = newSecret();
    await expect(access(other.id, other.sha256)).rejects.toMatchObject(unknown);
    await expect(access(token_id, other.sha256)).rejects.toMatchObject(unknown);
    await bench.send(revokeJoinToken, { token_id }, call);
    await expect(access(token_id, sha256)).rejects.toMatchObject(unknown);
    const short = await make({ expires_in_seconds: 0 });
    await expect(access(short.token_id, short.sha256)).rejects.toMatchObject(unknown);
  });

  it('that are revoked stay so, and gateways hear of it', async () => {
    const { view, token_id, call } = await make();
    const revoked = await bench.send(revokeJoinToken, { token_id }, call);
    expect(revoked).toEqual({ ...view, revoked_at: expect.any(String) as unknown });
    expect(await bench.send(revokeJoinToken, { token_id }, call)).toEqual(revoked);
    expect((await bench.stream('joinToken', token_id)).map(({ type }) => type)).toEqual([
      'JoinTokenCreated',
      'JoinTokenRevoked',
    ]);
    await eventually(() => expect(bench.forgotten).toContain(`join:${token_id}`));
  });

  it('of other organisations are not there', async () => {
    const { view, token_id, call } = await make();
    const stranger = callBy('user', 'u1', 'elsewhere');
    await expect(bench.send(revokeJoinToken, { token_id }, stranger)).rejects.toMatchObject(notFound);
    expect(await bench.send(joinTokens, {}, bench.fresh(stranger))).toMatchObject({ items: [], total: 0 });
    expect(await bench.send(joinTokens, {}, bench.fresh(call))).toEqual({
      items: [view],
      total: 1,
      next_cursor: null,
    });
  });
});
