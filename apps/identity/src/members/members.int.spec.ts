import { identityRequests, type CallContext, type VouchedUser } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { IdentityBench, newInvitation } from '../identity.fixtures.js';
import { admin, viewer, vouched } from './members.fixtures.js';
import { userId } from './user-id.js';

const {
  invite,
  invitations,
  invitationAccess,
  memberships,
  removeUser,
  revokeInvitation,
  sessionStarted,
  setRoles,
  signIn,
  user,
  userAccess,
  users,
} = identityRequests;

const refusedAs = (kind: string, code: string) => ({ problem: { kind, code } });

describe('people and invitations, over NATS, with two replicas', () => {
  let bench: IdentityBench;
  let organisations = 0;
  beforeAll(async () => {
    bench = await IdentityBench.start();
  });
  afterAll(() => bench?.stop());

  const fresh = () => bench.organisation(`org-${++organisations}`);
  const enter = (who: VouchedUser, call: CallContext, invitation?: ReturnType<typeof newInvitation>) =>
    bench.send(signIn, { user: who, invitation }, call);
  const idOf = (name: string) => userId(vouched(name));
  const types = async ({ org }: CallContext) => (await bench.stream('members', org)).map(({ type }) => type);
  const listed = async (call: CallContext) => (await bench.send(users, {}, call)).items;
  const startSession = (name: string, call: CallContext) =>
    bench.send(
      sessionStarted,
      {
        session_id: randomUUID(),
        user_id: idOf(name),
        provider: 'google',
        device: null,
        expires_at: new Date().toISOString(),
      },
      call,
    );

  it('lets whoever was invited in, with the roles of the invitation', async () => {
    const call = await fresh();
    const secret = newInvitation();
    const roles = [viewer, { role: 'operator' as const, pool: 'gpu' }];
    const invited = await bench.send(invite, { ...secret, roles: [...roles, viewer], name: 'Ada' }, call);
    const { created_at, expires_at } = invited;
    expect(invited).toEqual({
      invitation_id: secret.invitation_id,
      name: 'Ada',
      roles,
      status: 'OPEN',
      created_by: 'user:root',
      created_at,
      expires_at,
      accepted_by: null,
    });
    expect(Date.parse(expires_at) - Date.parse(created_at)).toBe(7 * 86_400_000);
    // The organisation of whoever asks does not matter: they belong to none yet.
    expect(await bench.send(invitationAccess, secret, bench.call('default'))).toEqual({
      invitation_id: secret.invitation_id,
      org: call.org,
      organisation_name: call.org,
      name: 'Ada',
      roles,
      expires_at,
    });

    const access = { user_id: idOf('ada'), name: 'ada', roles };
    expect(await enter(vouched('ada'), call, secret)).toEqual(access);
    // Its reply was lost, or the page was loaded again.
    expect(await enter(vouched('ada'), call, secret)).toEqual(access);
    expect(await enter(vouched('ada'), call)).toEqual(access);
    expect(await bench.send(userAccess, { user_id: idOf('ada') }, call)).toEqual(access);
    const seen = await bench.send(user, { user_id: idOf('ada') }, call);
    expect(seen).toEqual({
      user_id: idOf('ada'),
      name: 'ada',
      email: 'ada@example.com',
      provider: 'google',
      roles,
      joined_at: expect.any(String) as unknown,
      last_sign_in_at: null,
    });
    await eventually(async () => {
      expect(await listed(call)).toEqual([seen]);
      expect((await bench.send(invitations, {}, call)).items).toEqual([
        { ...invited, status: 'ACCEPTED', accepted_by: idOf('ada') },
      ]);
    });

    const stream = await bench.stream('members', call.org);
    expect(stream.map(({ type }) => type)).toEqual([
      'InvitationCreated',
      'InvitationAccepted',
      'MemberJoined',
    ]);
    expect(stream[2]).toMatchObject({
      data: { user_id: idOf('ada'), user: vouched('ada'), invitation_id: secret.invitation_id },
      metadata: { org: call.org, address: call.address },
    });
    const told = `user:${call.org}/${idOf('ada')}`;
    await eventually(() => expect(bench.forgotten.filter((subject) => subject === told)).toHaveLength(1));
    await eventually(() =>
      expect(
        bench.published.filter(({ org }) => org === call.org).map(({ type, data }) => [type, data]),
      ).toEqual([
        ['OrganisationCreated', { organisation: call.org, name: call.org }],
        ['InvitationChanged', { invitation_id: secret.invitation_id, status: 'OPEN' }],
        ['InvitationChanged', { invitation_id: secret.invitation_id, status: 'ACCEPTED' }],
        ['UserChanged', { user_id: idOf('ada'), status: 'MEMBER' }],
      ]),
    );
    expect(JSON.stringify(bench.published)).not.toContain(secret.sha256);
  });

  it('refuses everything that is wrong with an invitation alike', async () => {
    const call = await fresh();
    const elsewhere = await fresh();
    const open = await bench.invite([viewer], call);
    const revoked = await bench.invite([viewer], call);
    expect(await bench.send(revokeInvitation, revoked, call)).toMatchObject({ status: 'REVOKED' });
    const expired = await bench.invite([viewer], call, 0);
    const used = await bench.invite([viewer], call);
    await enter(vouched('ada'), call, used);
    const wrong = [
      newInvitation(),
      { ...open, sha256: newInvitation().sha256 },
      { ...open, sha256: '' },
      revoked,
      expired,
      used,
    ];
    const problems = await Promise.all(
      wrong.flatMap((secret) => [
        bench.send(invitationAccess, secret, call).catch((error: unknown) => error),
        enter(vouched('eve'), call, secret).catch((error: unknown) => error),
      ]),
    );
    for (const refused of problems)
      expect(refused).toMatchObject(refusedAs('not_found', 'invitation_invalid'));
    expect(new Set(problems.map((refused) => JSON.stringify(refused))).size).toBe(1);
    // Neither does it open the door of another organisation.
    await expect(enter(vouched('eve'), elsewhere, open)).rejects.toMatchObject(
      refusedAs('not_found', 'invitation_invalid'),
    );
    await expect(bench.send(revokeInvitation, open, elsewhere)).rejects.toMatchObject(
      refusedAs('not_found', 'invitation_not_found'),
    );
    expect(await types(elsewhere)).toEqual([]);
    await eventually(async () => {
      const { items } = await bench.send(invitations, {}, call);
      expect(items.map(({ status }) => status).sort()).toEqual(['ACCEPTED', 'EXPIRED', 'OPEN', 'REVOKED']);
    });
  });

  it('invites into organisations that are there', async () => {
    await expect(bench.invite([viewer], bench.call('nobodys'))).rejects.toMatchObject(
      refusedAs('not_found', 'organisation_not_found'),
    );
    await expect(bench.invite([], bench.call('default'))).rejects.toMatchObject(
      refusedAs('invalid', 'roles_missing'),
    );
  });

  it('lets exactly one of many in by one invitation', async () => {
    const call = await fresh();
    const secret = await bench.invite([viewer], call);
    const names = Array.from({ length: 8 }, (_, n) => `racer-${n}`);
    const answers = await Promise.allSettled(names.map((name) => enter(vouched(name), call, secret)));
    const inside = names.filter((_, n) => answers[n]!.status === 'fulfilled');
    expect(inside).toHaveLength(1);
    for (const answer of answers)
      if (answer.status === 'rejected')
        expect(answer.reason).toMatchObject(refusedAs('not_found', 'invitation_invalid'));
    expect(await types(call)).toEqual(['InvitationCreated', 'InvitationAccepted', 'MemberJoined']);
    await eventually(async () => expect((await listed(call)).map(({ name }) => name)).toEqual(inside));
  });

  it('bears that many are invited, and come, at the same moment', async () => {
    const call = await fresh();
    const names = Array.from({ length: 20 }, (_, n) => `guest-${n}`);
    const secrets = await Promise.all(names.map(() => bench.invite([viewer], call)));
    await Promise.all(names.map((name, n) => enter(vouched(name), call, secrets[n])));
    await eventually(async () => expect((await bench.send(users, {}, call)).total).toBe(20));
  });

  it('has either let somebody in or revoked their invitation, never both', async () => {
    const call = await fresh();
    for (let round = 0; round < 10; round++) {
      const secret = await bench.invite([viewer], call);
      const [entered, revoked] = await Promise.allSettled([
        enter(vouched(`guest-${round}`), call, secret),
        bench.send(revokeInvitation, secret, call),
      ]);
      expect([entered.status, revoked.status].sort()).toEqual(['fulfilled', 'rejected']);
    }
  });

  it('keeps an administrator, also where two remove or demote each other at the same moment', async () => {
    for (let round = 0; round < 5; round++) {
      const call = await fresh();
      await bench.join(vouched('ada'), [admin], call);
      await bench.join(vouched('bob'), [admin, viewer], call);
      const answers = await Promise.allSettled([
        bench.send(removeUser, { user_id: idOf('ada') }, call),
        bench.send(setRoles, { user_id: idOf('bob'), roles: [viewer] }, call),
      ]);
      const refused = answers.filter((answer) => answer.status === 'rejected');
      expect(refused).toHaveLength(1);
      expect(refused[0]!.reason).toMatchObject(refusedAs('conflict', 'last_admin'));
    }
  });

  it('changes roles and removes people, and tells the gateways at once', async () => {
    const call = await fresh();
    await bench.join(vouched('root'), [admin], call);
    await bench.join(vouched('ada'), [viewer], call);
    const user_id = idOf('ada');
    const told = () => bench.forgotten.filter((subject) => subject === `user:${call.org}/${user_id}`).length;
    await eventually(() => expect(told()).toBe(1));
    expect(await bench.send(setRoles, { user_id, roles: [admin] }, call)).toMatchObject({ roles: [admin] });
    await eventually(() => expect(told()).toBe(2));
    expect(await bench.send(removeUser, { user_id }, call)).toMatchObject({ name: 'ada', roles: [admin] });
    await eventually(() => expect(told()).toBe(3));
    for (const asked of [enter(vouched('ada'), call), bench.send(userAccess, { user_id }, call)])
      await expect(asked).rejects.toMatchObject(refusedAs('forbidden', 'not_a_member'));
    for (const asked of [
      bench.send(user, { user_id }, call),
      bench.send(removeUser, { user_id }, call),
      bench.send(setRoles, { user_id, roles: [viewer] }, call),
    ])
      await expect(asked).rejects.toMatchObject(refusedAs('not_found', 'user_not_found'));
    expect(await bench.join(vouched('ada'), [viewer], call)).toMatchObject({ user_id, roles: [viewer] });
    await eventually(async () =>
      expect((await listed(call)).map(({ name, roles }) => [name, roles])).toEqual([
        ['ada', [viewer]],
        ['root', [admin]],
      ]),
    );
  });

  it('shows one organisation nothing of another', async () => {
    const [ours, theirs] = [await fresh(), await fresh()];
    await bench.join(vouched('ada'), [admin], ours);
    await bench.invite([viewer], ours);
    const user_id = idOf('ada');
    await eventually(async () => expect(await listed(ours)).toHaveLength(1));
    expect(await listed(theirs)).toEqual([]);
    expect(await bench.send(invitations, {}, theirs)).toMatchObject({ items: [], total: 0 });
    await expect(bench.send(user, { user_id }, theirs)).rejects.toMatchObject(
      refusedAs('not_found', 'user_not_found'),
    );
    await expect(bench.send(userAccess, { user_id }, theirs)).rejects.toMatchObject(
      refusedAs('forbidden', 'not_a_member'),
    );
    await expect(enter(vouched('ada'), theirs)).rejects.toMatchObject(refusedAs('forbidden', 'not_a_member'));
  });

  it('knows where somebody belongs right after they joined, and right after they were removed', async () => {
    const of = async (name: string) =>
      (await bench.send(memberships, vouched(name), bench.call('default'))).organisations;
    const [first, second] = [await fresh(), await fresh()];
    expect(await of('grace')).toEqual([]);
    for (const call of [first, second]) {
      await bench.join(vouched('grace'), [viewer], call);
      expect(await of('grace')).toContain(call.org);
    }
    await startSession('grace', first);
    expect(await of('grace')).toEqual([first.org, second.org]);
    await startSession('grace', second);
    expect(await of('grace')).toEqual([second.org, first.org]);
    expect((await listed(second))[0]!.last_sign_in_at).not.toBeNull();
    await bench.send(removeUser, { user_id: idOf('grace') }, second);
    expect(await of('grace')).toEqual([first.org]);
    // The same subject of another issuer is somebody else.
    const namesake = { ...vouched('grace'), issuer: 'https://elsewhere.example.com' };
    expect(await bench.send(memberships, namesake, first)).toEqual({ organisations: [] });
    await expect(enter(namesake, first)).rejects.toMatchObject(refusedAs('forbidden', 'not_a_member'));
  });

  it('takes over what a provider calls somebody by now', async () => {
    const call = await fresh();
    await bench.join(vouched('ada'), [viewer], call);
    const married = { ...vouched('ada'), name: 'Ada L.', email: null };
    expect(await enter(married, call)).toMatchObject({ user_id: idOf('ada'), name: 'Ada L.' });
    expect(await bench.send(user, { user_id: idOf('ada') }, call)).toMatchObject({ email: null });
    expect((await types(call)).at(-1)).toBe('MemberProfileChanged');
  });
});
