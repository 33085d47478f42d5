import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { ask } from '../http/client.js';
import { noBrowser } from './browser.js';
import { APP, startFakeGithub, type FakeGithub } from './fake-github.js';
import { Scene } from './scene.js';

if (noBrowser) console.warn(`skipped: ${noBrowser}`);

(noBrowser ? describe.skip : describe)('people sign in with GitHub', () => {
  let github: FakeGithub;
  let scene: Scene;
  let url: string;

  beforeAll(async () => {
    github = await startFakeGithub();
    const hub = `github: { url: '${github.url}', client_id: ${APP.id}, client_secret_env: GITHUB_SECRET }`;
    scene = await Scene.open([hub], { GITHUB_SECRET: APP.secret });
    ({ url } = scene.system);
    github.person = {
      id: 42,
      login: 'octo',
      name: 'Octo Cat',
      emails: [
        { email: 'old@example.com', primary: false, verified: true },
        { email: 'octo@example.com', primary: true, verified: true },
      ],
    };
  });
  afterEach(() => scene?.closeContexts());
  afterAll(async () => {
    await scene?.close();
    await github?.close();
  });

  const signIn = async (path = '/auth/sign-in') => {
    const page = await scene.visit(path);
    await page.click('text=Sign in with GitHub');
    await page.click('text=Authorize');
    return page;
  };
  const users = async () =>
    (await scene.system.admin<{ users: Record<string, unknown>[] }>('GET /api/users')).body.users;

  it('by their number, with the address that is primary and verified', async () => {
    const page = await signIn(await scene.invite('developer'));
    await page.waitForSelector('text=You are signed in as Octo Cat');
    await eventually(async () =>
      expect(await users()).toMatchObject([
        { name: 'Octo Cat', email: 'octo@example.com', provider: 'github', roles: [{ role: 'developer' }] },
      ]),
    );
  });

  it('whoever has got the login of somebody else is nobody', async () => {
    const { person } = github;
    github.person = { ...person, id: 43 };
    const page = await signIn();
    await page.waitForSelector('text=not_a_member');
    github.person = { ...person, login: 'renamed', name: null };
    await (await signIn()).waitForSelector('text=You are signed in as renamed');
    github.person = person;
  });

  it('an error that comes with status 200 is an error', async () => {
    github.refuse = 'bad_verification_code';
    const page = await signIn();
    await page.waitForSelector('text=sign_in_failed');
    github.refuse = undefined;
    expect(await scene.sessionOf(page.context())).toBeUndefined();
  });

  describe('by themselves', () => {
    const post = (access_token: string, user_id = '42') =>
      ask(url, 'POST /auth/session', {
        json: { user_id, provider: 'github', oauth_tokens: { access_token } },
      });

    it('get a session for a token that was made for us', async () => {
      const { status, body } = await post(github.accessToken());
      expect(status).toBe(201);
      expect(
        (await ask(url, 'GET /api/users/me', { token: body['session_id'] as string })).body,
      ).toMatchObject({
        kind: 'user',
        roles: [{ role: 'developer' }],
      });
    });

    it('get none for a token that another app has of them', async () =>
      expect((await post(github.accessToken('Iv1.other'))).body).toMatchObject({ code: 'sign_in_failed' }));

    it('get none for a token that GitHub does not know', async () =>
      expect((await post('gho_nonsense')).body).toMatchObject({ code: 'sign_in_failed' }));

    it("get none in somebody else's name", async () =>
      expect((await post(github.accessToken(), '1')).body).toMatchObject({ code: 'identity_mismatch' }));
  });
});
