import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT, UnsecuredJWT } from 'jose';
import { once } from 'node:events';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BrowserContext, Page } from 'playwright-core';
import { ask } from '../http/client.js';
import { noBrowser } from './browser.js';
import { claimsOf, CLIENT, signInAtIssuer } from './oidc-issuer.js';
import { Scene, SESSION_COOKIE } from './scene.js';

if (noBrowser) console.warn(`skipped: ${noBrowser}`);

(noBrowser ? describe.skip : describe)('attacks on sign-in', () => {
  let scene: Scene;
  let url: string;
  let evil: Server;
  let evilPort: number;
  const me = 'GET /api/users/me';

  beforeAll(async () => {
    scene = await Scene.open();
    ({ url } = scene.system);
    await scene.serve();
    await scene.joinAs('victim', 'admin');
    await scene.joinAs('attacker', 'viewer');
    evil = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<h1>Evil</h1>'),
    );
    evil.listen(0, '127.0.0.1');
    await once(evil, 'listening');
    evilPort = (evil.address() as AddressInfo).port;
  });
  afterEach(() => scene?.closeContexts());
  afterAll(async () => {
    evil?.closeAllConnections();
    evil?.close();
    await scene?.close();
  });

  /** Signs in up to the way back, which is not taken: answers its address. */
  async function callbackOf(name: string, context: BrowserContext): Promise<URL> {
    let way: URL | undefined;
    scene.issuer.hold = (held) => (way = held);
    const page = await scene.signIn(name, '/auth/sign-in', context);
    await page.waitForSelector('text=held');
    scene.issuer.hold = undefined;
    return way!;
  }

  async function signedIn(name: string): Promise<Page> {
    const page = await scene.signIn(name);
    await page.waitForURL(`${url}/auth/sign-in`);
    return page;
  }

  it('fixation: a session that was planted is ended, and not signed in', async () => {
    const attacker = (await signedIn('attacker')).context();
    const planted = (await scene.sessionOf(attacker))!;
    const victim = await scene.newContext();
    await victim.addCookies((await attacker.cookies()).filter(({ name }) => name === SESSION_COOKIE));
    await scene.visit('/auth/login/acme', victim).then((page) => signInAtIssuer(page, 'victim'));
    const page = await scene.visit('/auth/sign-in', victim);
    expect(await page.textContent('main')).toContain('You are signed in as Victim');
    expect(await scene.sessionOf(victim)).not.toBe(planted);
    expect((await ask(url, me, { token: planted })).status).toBe(401);
  });

  it("login CSRF: nobody is signed in by another browser's way back, which stays good for its owner", async () => {
    const attacker = await scene.newContext();
    const way = await callbackOf('attacker', attacker);
    const victim = await scene.newContext();
    for (const beginFirst of [false, true]) {
      const page = await victim.newPage();
      if (beginFirst) await page.goto(`${url}/auth/login/acme`);
      expect((await page.goto(way.href))?.status()).toBe(403);
      expect(await page.textContent('main')).toContain('login_not_begun');
      expect(await scene.sessionOf(victim)).toBeUndefined();
    }
    await (await attacker.newPage()).goto(way.href);
    expect(await scene.sessionOf(attacker)).toBeDefined();
  });

  it('a way back is taken once', async () => {
    const context = await scene.newContext();
    const way = await callbackOf('victim', context);
    const login = (await context.cookies()).filter(({ name }) => name === '__Host-hybrid-login');
    const page = await context.newPage();
    await page.goto(way.href);
    await page.waitForURL(`${url}/auth/sign-in`);
    await context.addCookies(login);
    expect((await page.goto(way.href))?.status()).toBe(403);
    expect((await scene.ask(context, me)).status).toBe(200);
  });

  it.each<[what: string, alter: (way: URL) => void, code: string]>([
    ['another state', (way) => way.searchParams.set('state', 'x'.repeat(43)), 'login_not_begun'],
    ['no state', (way) => way.searchParams.delete('state'), 'login_not_begun'],
    ['two states', (way) => way.searchParams.append('state', 'x'.repeat(43)), 'sign_in_failed'],
    ['another code', (way) => way.searchParams.set('code', 'x'.repeat(43)), 'sign_in_failed'],
    ['no code', (way) => way.searchParams.delete('code'), 'sign_in_failed'],
    ['another issuer', (way) => way.searchParams.set('iss', 'https://evil.example'), 'sign_in_failed'],
    ['no issuer', (way) => way.searchParams.delete('iss'), 'sign_in_failed'],
  ])('a way back with %s leads nowhere', async (_, alter, code) => {
    const context = await scene.newContext();
    const way = await callbackOf('victim', context);
    alter(way);
    const page = await context.newPage();
    expect((await page.goto(way.href))?.status()).toBe(403);
    expect(await page.textContent('main')).toContain(code);
    expect(await scene.sessionOf(context)).toBeUndefined();
  });

  it("somebody else's code is of no use in one's own sign-in (PKCE)", async () => {
    const stolen = (await callbackOf('victim', await scene.newContext())).searchParams.get('code')!;
    const attacker = await scene.newContext();
    const way = await callbackOf('attacker', attacker);
    way.searchParams.set('code', stolen);
    const page = await attacker.newPage();
    expect((await page.goto(way.href))?.status()).toBe(403);
    expect(await scene.sessionOf(attacker)).toBeUndefined();
  });

  it.each(['nonce', 'code_challenge'])('a sign-in with another %s than its own fails', async (name) => {
    const context = await scene.newContext();
    scene.issuer.alter = ({ searchParams }) => searchParams.set(name, 'x'.repeat(43));
    const page = await scene.signIn('victim', '/auth/sign-in', context);
    scene.issuer.alter = undefined;
    await page.waitForURL(/callback/);
    expect(await page.textContent('main')).toContain('sign_in_failed');
    expect(await scene.sessionOf(context)).toBeUndefined();
  });

  it.each([
    // Another port is the same site: SameSite lets the cookie through.
    ['127.0.0.1', [403, 403, 403, 403]],
    ['localhost', [403, 401, 403, 403]],
  ])('CSRF: a page on another port of %s changes nothing', async (host, expected) => {
    const page = await signedIn('victim');
    const context = page.context();
    await page.goto(`http://${host}:${evilPort}/`);
    const paths = [
      '/auth/logout',
      '/api/invitations',
      '/auth/device/answer?user_code=BCDFGHJK&answer=approve',
      '/auth/invitation/accept',
    ];
    const statuses: number[] = [];
    for (const path of paths) {
      const [action, fields] = path.split('?');
      const answered = context.waitForEvent('response', (response) => response.url() === url + action);
      await page.evaluate(
        `(() => {
          const form = document.createElement('form');
          Object.assign(form, { method: 'post', action: ${JSON.stringify(url + action)}, target: '_blank' });
          for (const [name, value] of new URLSearchParams(${JSON.stringify(fields ?? '')})) {
            const input = document.createElement('input');
            Object.assign(input, { name, value });
            form.append(input);
          }
          document.body.append(form);
          form.submit();
        })()`,
      );
      statuses.push((await answered).status());
    }
    expect(statuses).toEqual(expected);
    // Without CORS no page asks for more than a form can.
    await page.evaluate(
      `fetch(${JSON.stringify(`${url}/auth/logout`)}, { method: 'POST', mode: 'no-cors', credentials: 'include' }).catch(() => 0)`,
    );
    expect((await scene.ask(context, me)).status).toBe(200);
  });

  it('CSRF: a cookie without an origin changes nothing either', async () => {
    const cookie = `${SESSION_COOKIE}=${await scene.sessionOf((await signedIn('victim')).context())}`;
    for (const request of ['POST /auth/logout', 'POST /api/invitations', 'DELETE /auth/sessions/x'])
      for (const origin of [undefined, 'null', 'https://evil.example'])
        expect(
          (await ask(url, request, { headers: { cookie, ...(origin && { origin }) } })).body,
        ).toMatchObject({
          code: 'cross_site_request',
        });
    expect((await ask(url, me, { headers: { cookie } })).status).toBe(200);
  });

  it.each([
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https://evil.example',
    '/%2f/evil.example',
    '/%5cevil.example',
    '/%252f%252fevil.example/',
    '/x/..//evil.example',
    '/\t/evil.example',
    'javascript:alert(1)',
    '/info\r\nset-cookie: planted=1',
    '/info%0d%0aset-cookie:%20planted=1',
  ])('open redirect: %j leads to no other site', async (returnTo) => {
    const context = await scene.newContext();
    const page = await scene.visit(`/auth/login/acme?return_to=${encodeURIComponent(returnTo)}`, context);
    await signInAtIssuer(page, 'victim');
    await page.waitForSelector('text=You are signed in as Victim');
    expect(page.url()).toBe(`${url}/auth/sign-in`);
    const cookie = `${SESSION_COOKIE}=${await scene.sessionOf(context)}`;
    const again = await fetch(`${url}/auth/sign-in?return_to=${encodeURIComponent(returnTo)}`, {
      headers: { cookie },
      redirect: 'manual',
    });
    expect(again.headers.get('location')).toBe('/auth/sign-in');
    expect(again.headers.getSetCookie().join()).not.toContain('planted');
  });

  it('shows what others wrote as text: neither errors, nor names, nor codes are markup', async () => {
    const script = '<script>document.title="taken"</script><img src=x onerror="document.title=1">';
    const context = await scene.newContext();
    const way = await callbackOf('victim', context);
    way.searchParams.delete('code');
    way.searchParams.set('error', script);
    way.searchParams.set('error_description', script);
    const refused = await scene.visit(way.pathname + way.search, context);
    expect(await refused.title()).toContain('not possible');
    expect(await refused.content()).not.toContain('onerror');
    const invited = await scene.visit(await scene.invite('viewer', script));
    await invited.waitForSelector('text=are invited to');
    expect(await invited.textContent('main')).toContain(script);
    expect(await invited.title()).toContain('Invitation');
    const page = await signedIn('victim');
    await page.goto(`${url}/auth/device?user_code=${encodeURIComponent(script.slice(0, 40))}`);
    expect(await page.content()).not.toContain('<script>document');
    await page.goto(`${url}/auth/login/${encodeURIComponent(script)}`);
    expect(await page.content()).not.toContain('onerror');
  });

  it('a page runs no script but its own, and no other site frames it', async () => {
    const page = await signedIn('victim');
    const taken = await page.evaluate(`(() => {
      const script = document.createElement('script');
      script.textContent = 'window.taken = true';
      document.body.append(script);
      return window.taken;
    })()`);
    expect(taken).toBeUndefined();
    const { headers } = await ask(url, 'GET /auth/sign-in');
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect(headers.get('cache-control')).toBe('no-store');
  });

  it('nobody signs in over plain http from elsewhere', async () => {
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(`${url}/auth/login/acme`, { headers: { host: 'hybrid.example.com' } });
      request
        .on('response', (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(403);
  });

  describe('a client that has signed in by itself', () => {
    const post = async (id_token: string, more: object = {}) =>
      ask(url, 'POST /auth/session', {
        json: { user_id: 'victim', provider: 'acme', oauth_tokens: { id_token }, ...more },
      });

    it('gets a session for what its provider vouches for, once', async () => {
      const token = await scene.issuer.idToken(claimsOf('victim'));
      const { status, body, headers } = await post(token, { user_info: claimsOf_('victim') });
      expect(status).toBe(201);
      expect(Object.keys(body).sort()).toEqual(
        ['created_at', 'expires_at', 'provider', 'session_id', 'user_id'].sort(),
      );
      expect(headers.getSetCookie().join()).toMatch(
        /__Host-hybrid-session=hys_\S+; Max-Age=86\d\d\d; Path=\/; HttpOnly; Secure; SameSite=Lax/,
      );
      const session = body['session_id'] as string;
      expect((await ask(url, me, { token: session })).body).toMatchObject({ id: body['user_id'] });
      expect((await post(token)).body).toMatchObject({ code: 'sign_in_failed' });
      const logout = await ask(url, `POST /auth/logout?session_id=${session}`);
      expect(logout.body).toEqual({ status: 'logged out' });
      expect((await ask(url, me, { token: session })).status).toBe(401);
    });

    it.each<[what: string, forge: () => Promise<string> | string]>([
      ['for another client', () => scene.issuer.idToken({ ...claimsOf('victim'), aud: 'another-site' })],
      [
        'for several, asked for by another',
        () =>
          scene.issuer.idToken({
            ...claimsOf('victim'),
            aud: [CLIENT.id, 'another-site'],
            azp: 'another-site',
          }),
      ],
      [
        'for several, asked for by nobody knows whom',
        () => scene.issuer.idToken({ ...claimsOf('victim'), aud: [CLIENT.id, 'another-site'] }),
      ],
      [
        'of another issuer',
        () => scene.issuer.idToken({ ...claimsOf('victim'), iss: 'https://evil.example' }),
      ],
      ['that is over', () => scene.issuer.idToken({ ...claimsOf('victim'), exp: now() - 60 })],
      ['of long ago', () => scene.issuer.idToken({ ...claimsOf('victim'), iat: now() - 3600 })],
      ['without a signature', () => new UnsecuredJWT(forged()).encode()],
      [
        'signed with what everybody knows',
        () => new SignJWT(forged()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(CLIENT.secret)),
      ],
      [
        'with an altered payload',
        async () => {
          const [head, , signature] = (await scene.issuer.idToken(claimsOf('attacker'))).split('.');
          return [head, Buffer.from(JSON.stringify(forged())).toString('base64url'), signature].join('.');
        },
      ],
      ['that is none', () => 'nonsense'],
    ])('gets none for an ID token %s', async (_, forge) => {
      const { status, body } = await post(await forge());
      expect({ status, code: body['code'] }).toEqual({ status: 403, code: 'sign_in_failed' });
    });

    it('is whom the provider names, not whom it names itself', async () => {
      const token = () => scene.issuer.idToken(claimsOf('attacker'));
      expect((await post(await token())).body).toMatchObject({ code: 'identity_mismatch' });
      const mine = { user_id: 'attacker' };
      for (const user_info of [{ sub: 'victim' }, { email: 'victim@example.com' }, { name: 'Victim' }])
        expect((await post(await token(), { ...mine, user_info })).body).toMatchObject({
          code: 'identity_mismatch',
        });
    });

    it.each<[what: string, more: object, path: string]>([
      ['roles', { roles: [{ role: 'admin' }] }, 'roles'],
      ['roles of the user', { user_info: { roles: ['admin'] } }, 'user_info.roles'],
      ['an organisation', { org: 'default' }, 'org'],
      ['a refresh token', { oauth_tokens: { refresh_token: 'x' } }, 'oauth_tokens.refresh_token'],
    ])('can not say %s', async (_, more, path) => {
      const answer = await post(await scene.issuer.idToken(claimsOf('victim')), more);
      expect(answer.status).toBe(422);
      expect(answer.body['errors']).toEqual([{ path, message: 'there is no such field' }]);
    });

    it('needs an ID token: an access token says not for whom it was made', async () => {
      const json = { user_id: 'victim', provider: 'acme', oauth_tokens: { access_token: 'x' } };
      expect((await ask(url, 'POST /auth/session', { json })).body).toMatchObject({
        code: 'id_token_required',
      });
    });
  });

  function forged() {
    return { ...claimsOf('victim'), iss: scene.issuer.url, aud: CLIENT.id, iat: now(), exp: now() + 300 };
  }
});

/** What a client may tell of it. */
function claimsOf_(name: string) {
  const { sub, email, name: shown } = claimsOf(name);
  return { sub, email, name: shown };
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
