import { identityRequests, type CreateKey } from '@hybrid/contracts';
import { callBy } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { IdentityBench, newSecret } from '../identity.fixtures.js';

const { createKey, keys, revokeKey, keyAccess, keysUsed } = identityRequests;
const unknown = { problem: { kind: 'unauthenticated', code: 'key_unknown' } };
const notFound = { problem: { kind: 'not_found', code: 'key_not_found' } };

describe('API keys, over NATS, with two replicas', () => {
  let bench: IdentityBench;
  const address = '192.0.2.7';

  beforeAll(async () => void (bench = await IdentityBench.start()));
  afterAll(() => bench?.stop());

  /** A key of somebody in an organisation that nobody else has. */
  const make = async (more: Partial<CreateKey> = {}, call = callBy('user', 'u1', `org-${randomUUID()}`)) => {
    const { id: key_id, sha256 } = newSecret();
    const wanted = { name: 'deploys', roles: [{ role: 'viewer' as const }], ...more, key_id, sha256 };
    return { view: await bench.send(createKey, wanted, call), wanted, call, key_id, sha256 };
  };
  const access = (key_id: string, sha256: string) => bench.send(keyAccess, { key_id, sha256 });

  it('are made, written down without the key, and stand for their roles at once', async () => {
    const roles = [{ role: 'operator' as const, pool: 'gpu' }];
    const call = { ...callBy('user', 'u1', 'acme'), address };
    const { view, key_id, sha256 } = await make({ roles, expires_in_seconds: 60 }, call);
    expect(view).toEqual({
      key_id,
      name: 'deploys',
      roles,
      created_by: 'user:u1',
      created_at: expect.any(String) as unknown,
      expires_at: new Date(Date.parse(view.created_at) + 60_000).toISOString(),
      last_used_at: null,
      revoked_at: null,
    });
    const { created_at: at, last_used_at: _, revoked_at: __, ...data } = view;
    const [created, ...others] = await bench.stream('apiKey', key_id);
    expect(created).toMatchObject({
      type: 'ApiKeyCreated',
      metadata: { org: 'acme', actor: { type: 'user', id: 'u1' }, address },
    });
    expect(created!.data).toEqual({ ...data, sha256, at });
    expect(others).toEqual([]);
    expect(await access(key_id, sha256)).toEqual({
      key_id,
      org: 'acme',
      roles,
      created_by: view.created_by,
      expires_at: view.expires_at,
    });
  });

  it('last 90 days unless told', async () => {
    const { view } = await make();
    expect(Date.parse(view.expires_at) - Date.parse(view.created_at)).toBe(90 * 86_400_000);
  });

  it('come once, however often they are asked for', async () => {
    const { view, wanted, call, key_id } = await make();
    const again = await Promise.all([1, 2, 3].map(() => bench.send(createKey, wanted, call)));
    expect(again).toEqual([view, view, view]);
    await expect(bench.send(createKey, { ...wanted, name: 'other' }, call)).rejects.toMatchObject({
      problem: { kind: 'conflict', code: 'idempotency_key_reused' },
    });
    expect(await bench.stream('apiKey', key_id)).toHaveLength(1);
  });

  it('with roles that mean nothing are refused', async () => {
    await expect(make({ roles: [] })).rejects.toMatchObject({ problem: { code: 'roles_missing' } });
    await expect(make({ roles: [{ role: 'viewer', pool: 'a', environment: 'b' }] })).rejects.toMatchObject({
      problem: { kind: 'invalid', code: 'roles_ambiguous' },
    });
  });

  it('are refused alike: unknown, with another digest, revoked, at their end', async () => {
    const { key_id, sha256, call } = await make();
    const other = newSecret();
    await expect(access(other.id, other.sha256)).rejects.toMatchObject(unknown);
    for (const digest of [other.sha256, sha256.slice(1), sha256.toUpperCase(), ''])
      await expect(access(key_id, digest)).rejects.toMatchObject(unknown);
    await bench.send(revokeKey, { key_id }, call);
    await expect(access(key_id, sha256)).rejects.toMatchObject(unknown);
    const short = await make({ expires_in_seconds: 0 });
    await expect(access(short.key_id, short.sha256)).rejects.toMatchObject(unknown);
  });

  it('that are revoked stay so, and gateways hear of it', async () => {
    const { view, key_id, call } = await make();
    const revoked = await bench.send(revokeKey, { key_id }, call);
    expect(revoked).toEqual({ ...view, revoked_at: expect.any(String) as unknown });
    expect(await bench.send(revokeKey, { key_id, created_by: 'user:u1' }, call)).toEqual(revoked);
    expect((await bench.stream('apiKey', key_id)).map(({ type }) => type)).toEqual([
      'ApiKeyCreated',
      'ApiKeyRevoked',
    ]);
    await eventually(() => expect(bench.forgotten).toContain(`key:${key_id}`));
  });

  it('of others are not there', async () => {
    const { key_id, sha256, call } = await make();
    await expect(bench.send(revokeKey, { key_id, created_by: 'user:u2' }, call)).rejects.toMatchObject(
      notFound,
    );
    await expect(bench.send(revokeKey, { key_id }, callBy('user', 'u1', 'elsewhere'))).rejects.toMatchObject(
      notFound,
    );
    await expect(access(key_id, sha256)).resolves.toMatchObject({ key_id });
  });

  it('are listed, all or those of one maker, of one organisation', async () => {
    const { view: one, call } = await make();
    const { view: two } = await make({}, { ...call, actor: { type: 'user', id: 'u2' } });
    const fresh = bench.fresh(call);
    expect(await bench.send(keys, {}, fresh)).toEqual({ items: [two, one], total: 2, next_cursor: null });
    expect(await bench.send(keys, { created_by: 'user:u1' }, fresh)).toMatchObject({
      items: [one],
      total: 1,
    });
    expect(await bench.send(keys, {}, { ...fresh, org: 'nobody' })).toMatchObject({ items: [], total: 0 });
    expect(JSON.stringify(await bench.send(keys, {}, fresh))).not.toContain('sha256');
  });

  it('tell when they were used last, to the minute, in whatever order that is told', async () => {
    const { key_id, call, view } = await make();
    const { org } = call;
    const times = ['2030-01-02T03:04:05.678Z', '2030-01-02T03:09:59.999Z', '2030-01-02T03:01:00.000Z'];
    await bench.send(keysUsed, { keys: times.map((at) => ({ key_id, org, at })) });
    await bench.send(keysUsed, { keys: [{ key_id, org, at: times[0]! }] });
    const used = { ...view, last_used_at: '2030-01-02T03:09:00.000Z' };
    expect((await bench.send(keys, {}, bench.fresh(call))).items).toEqual([used]);
    expect(await bench.send(revokeKey, { key_id }, call)).toMatchObject({ last_used_at: used.last_used_at });
    expect(await bench.stream('apiKey', key_id)).toHaveLength(2);
  });
});
