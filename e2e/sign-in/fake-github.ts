/** GitHub's flavour of OAuth 2, as its documentation tells it: a token endpoint that fails with 200, private addresses. */
import { hash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const APP = { id: 'Iv1.app', secret: 'a-secret-of-the-app' };

export interface GithubPerson {
  id: number;
  login: string;
  name: string | null;
  emails: { email: string; primary: boolean; verified: boolean }[];
}

export interface FakeGithub {
  url: string;
  /** Whoever authorizes next. */
  person: GithubPerson;
  /** Fails the next exchange of a code as GitHub does. */
  refuse?: string | undefined;
  /** As an app (ours, unless told) would have it of the person. */
  accessToken(app?: string): string;
  close(): Promise<void>;
}

export async function startFakeGithub(): Promise<FakeGithub> {
  const codes = new Map<string, { challenge: string; redirect: string; person: GithubPerson }>();
  const tokens = new Map<string, { app: string; person: GithubPerson }>();
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.writeHead(500).end());
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, 'http://github');
    const body = Buffer.concat(await request.toArray()).toString();
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const holder = tokens.get(request.headers.authorization?.replace('Bearer ', '') ?? '');
    switch (`${request.method} ${pathname}`) {
      case 'GET /login/oauth/authorize': {
        const code = randomBytes(10).toString('hex');
        const back = new URL(searchParams.get('redirect_uri')!);
        const { person } = github;
        const challenge = searchParams.get('code_challenge')!;
        codes.set(code, { challenge, redirect: back.href, person });
        back.search = new URLSearchParams({ code, state: searchParams.get('state')! }).toString();
        response.setHeader('content-type', 'text/html');
        return void response.end(`<a href="${back.href.replaceAll('&', '&amp;')}">Authorize</a>`);
      }
      case 'POST /login/oauth/access_token': {
        const form = new URLSearchParams(body);
        const known = codes.get(form.get('code') ?? '');
        codes.delete(form.get('code') ?? '');
        const error =
          github.refuse ??
          (form.get('client_id') !== APP.id || form.get('client_secret') !== APP.secret
            ? 'incorrect_client_credentials'
            : known?.redirect !== form.get('redirect_uri') ||
                known.challenge !== hash('sha256', form.get('code_verifier') ?? '', 'base64url')
              ? 'bad_verification_code'
              : undefined);
        const fields: Record<string, string> = error
          ? { error, error_description: 'No.', error_uri: 'https://docs.github.com' }
          : { access_token: issue(APP.id, known!.person), scope: 'read:user', token_type: 'bearer' };
        if (request.headers.accept?.includes('application/json')) return void json(200, fields);
        response.setHeader('content-type', 'application/x-www-form-urlencoded');
        return void response.end(new URLSearchParams(fields).toString());
      }
      case 'GET /api/v3/user': {
        if (!holder) return void json(401, { message: 'Bad credentials' });
        const { id, login, name } = holder.person;
        return void json(200, { id, login, name, email: null });
      }
      case 'GET /api/v3/user/emails':
        return void (holder ? json(200, holder.person.emails) : json(401, { message: 'Bad credentials' }));
      case `POST /api/v3/applications/${APP.id}/token`: {
        const basic = `Basic ${Buffer.from(`${APP.id}:${APP.secret}`).toString('base64')}`;
        const found = tokens.get((JSON.parse(body) as { access_token: string }).access_token);
        if (request.headers.authorization !== basic || found?.app !== APP.id)
          return void json(404, { message: 'Not Found' });
        const { id, login } = found.person;
        return void json(200, { app: { client_id: APP.id }, user: { id, login } });
      }
      default:
        return void json(404, { message: 'Not Found' });
    }
  }

  function issue(app: string, person: GithubPerson): string {
    const token = `gho_${randomBytes(18).toString('hex')}`;
    tokens.set(token, { app, person });
    return token;
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const github: FakeGithub = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    person: { id: 1, login: 'nobody', name: null, emails: [] },
    accessToken: (app = APP.id) => issue(app, github.person),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return github;
}
