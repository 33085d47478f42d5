import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ask } from '../http/client.js';
import { noBrowser } from './browser.js';
import { CLIENT, signInAtIssuer } from './oidc-issuer.js';
import { Scene, SESSION_COOKIE } from './scene.js';

if (noBrowser) console.warn(`skipped: ${noBrowser}`);

(noBrowser ? describe.skip : describe)('people sign in with a browser', () => {
  let scene: Scene;
  let url: string;
  const secrets = [CLIENT.secret];

  beforeAll(async () => {
    scene = await Scene.open();
    ({ url } = scene.system);
  });
  afterEach(() => scene?.closeContexts());
  afterAll(() => scene?.close());

  const me = 'GET /api/users/me';

  it('says so while the provider is away, and works once it is there', async () => {
    const page = await scene.visit('/auth/sign-in');
    await page.click('text=Sign in with Acme');
    await page.waitForSelector('text=Acme does not answer at the moment');
    await scene.serve();
    await page.goto(`${url}/auth/login/acme`);
    expect(page.url()).toContain(scene.issuer.url);
  });

  it('lets nobody in who is no member, and says what to do', async () => {
    const page = await scene.signIn('eve');
    await page.waitForURL(/callback/);
    expect(await page.textContent('main')).toContain('Eve is not a member of any organisation here');
    expect(await scene.sessionOf(page.context())).toBeUndefined();
  });

  it('takes in who was invited, with the roles of the invitation, once', async () => {
    const path = await scene.invite('developer');
    const page = await scene.visit(path);
    await page.waitForSelector('text=You are invited to');
    expect(await page.textContent('li')).toBe('developer');
    // The secret is not left in the address.
    expect(page.url()).toBe(`${url}/auth/invitation`);
    await page.click('text=Sign in with Acme');
    await signInAtIssuer(page, 'ada');
    await page.waitForURL(`${url}/auth/sign-in`);
    expect(await page.textContent('main')).toContain('You are signed in as Ada');
    expect((await scene.ask(page.context(), me)).body).toMatchObject({
      kind: 'user',
      organisation: 'default',
      roles: [{ role: 'developer' }],
    });
    const again = await scene.visit(path);
    await again.waitForSelector('text=invitation_invalid');
  });

  it('uses PKCE with S256, a state, and a nonce, each of them once', () => {
    expect(scene.issuer.authorizations.length).toBeGreaterThan(1);
    for (const { searchParams } of scene.issuer.authorizations)
      expect(Object.fromEntries(searchParams)).toMatchObject({
        response_type: 'code',
        code_challenge_method: 'S256',
        code_challenge: expect.stringMatching(/^[\w-]{43}$/) as unknown,
        nonce: expect.stringMatching(/^[\w-]{43}$/) as unknown,
        state: expect.stringMatching(/^[\w-]{43}$/) as unknown,
        redirect_uri: `${url}/auth/callback/acme`,
      });
    for (const name of ['state', 'nonce', 'code_challenge']) {
      const values = scene.issuer.authorizations.map(({ searchParams }) => searchParams.get(name));
      expect(new Set(values).size).toBe(values.length);
    }
  });

  it('gives a cookie that no script reads, and goes where it was told', async () => {
    const page = await scene.signIn('ada', `/auth/sign-in?return_to=${encodeURIComponent('/info?a=b')}`);
    await page.waitForURL(`${url}/info?a=b`);
    const cookies = await page.context().cookies();
    expect(cookies.find(({ name }) => name === SESSION_COOKIE)).toMatchObject({
      httpOnly: true,
      secure: true,
      sameSite: 'Lax',
      path: '/',
      value: expect.stringMatching(/^hys_/) as unknown,
    });
    expect(cookies.map(({ name }) => name)).not.toContain('__Host-hybrid-login');
    expect(await page.evaluate('document.cookie')).toBe('');
  });

  it('lists the devices of a person, and ends one from another', async () => {
    const one = (await scene.joinAs('grace', 'viewer')).context();
    const page = await scene.signIn('grace');
    await page.waitForURL(`${url}/auth/sign-in`);
    const two = page.context();
    const { body } = await scene.ask(two, 'GET /auth/sessions');
    const sessions = body['sessions'] as { id: string; current: boolean; device: string; address: string }[];
    expect(sessions.map(({ current }) => current)).toEqual([true, false]);
    expect(sessions[0]).toMatchObject({ provider: 'acme', address: '127.0.0.1' });
    expect(sessions[0]!.device).toContain('Chrome');
    expect(JSON.stringify(body)).not.toContain(await scene.sessionOf(two));
    const ended = await scene.ask(two, `DELETE /auth/sessions/${sessions[1]!.id}`);
    expect(ended).toEqual({ status: 200, body: { status: 'ended' } });
    expect(await scene.ask(one, me)).toMatchObject({ status: 401, body: { code: 'session_over' } });
    expect((await scene.ask(two, me)).status).toBe(200);
  });

  it('lets an administrator end all sessions of somebody, and nobody else', async () => {
    const linus = (await scene.joinAs('linus', 'developer')).context();
    const { body: who } = await scene.ask(linus, me);
    const all = `DELETE /api/users/${who['id'] as string}/sessions`;
    const page = await scene.signIn('ada');
    await page.waitForURL(`${url}/auth/sign-in`);
    expect((await scene.ask(page.context(), all)).status).toBe(403);
    const { body } = await scene.ask(linus, 'GET /auth/sessions');
    const [session] = body['sessions'] as { id: string }[];
    expect((await scene.ask(page.context(), `DELETE /auth/sessions/${session!.id}`)).status).toBe(404);
    expect((await scene.system.admin(all)).body).toEqual({ ended: 1 });
    expect((await scene.ask(linus, me)).status).toBe(401);
  });

  it('knows of other roles, and of no membership any more, at once', async () => {
    const ada = await scene.joinAs('alan', 'admin');
    const { body } = await scene.ask(ada.context(), me);
    const user = `/api/users/${body['id'] as string}`;
    expect((await scene.ask(ada.context(), 'GET /api/users')).status).toBe(200);
    const json = { roles: [{ role: 'viewer' }] };
    await scene.joinAs('barbara', 'admin');
    expect((await scene.system.admin(`PUT ${user}/roles`, { json })).status).toBe(200);
    expect((await scene.ask(ada.context(), 'GET /api/users')).status).toBe(403);
    expect((await scene.system.admin(`DELETE ${user}`)).status).toBe(200);
    expect((await scene.ask(ada.context(), me)).body).toMatchObject({ code: 'not_a_member' });
  });

  it('signs out with the form of the page', async () => {
    const page = await scene.signIn('ada');
    await page.waitForURL(`${url}/auth/sign-in`);
    const token = (await scene.sessionOf(page.context()))!;
    const validate = () => ask(url, 'POST /auth/validate', { json: { session_id: token } });
    expect((await validate()).body).toMatchObject({ valid: true, provider: 'acme' });
    await page.click('text=Sign out');
    await page.waitForSelector('text=Sign in with Acme');
    expect(await scene.sessionOf(page.context())).toBeUndefined();
    expect((await ask(url, me, { token })).status).toBe(401);
    secrets.push(token);
    expect((await validate()).body).toEqual({
      valid: false,
      user_id: null,
      provider: null,
      expires_at: null,
    });
  });

  it('leaves no secret in any log, nor in what NATS and the event store keep', async () => {
    const { directory } = scene.system.platform;
    const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter((one) =>
      one.isFile(),
    );
    const kept = await Promise.all(
      files
        .filter(({ parentPath }) => !parentPath.includes('postgres'))
        .map(({ parentPath, name }) => readFile(join(parentPath, name))),
    );
    expect(kept.some((bytes) => bytes.includes('"ready":true'))).toBe(true);
    // What is kept of a session instead: its id is found, so the search looks at the right place.
    expect(kept.some((bytes) => bytes.includes('session_id'))).toBe(true);
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) expect(kept.filter((bytes) => bytes.includes(secret))).toEqual([]);
  });
});
