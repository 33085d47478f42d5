import { afterEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signInHelp, signInLink } from './sign-in.js';

describe('the way to sign in', () => {
  it('is short where everything is as usual', () =>
    expect(signInHelp('http://127.0.0.1:8080', '/srv/hybrid/.data/admin-token', '/srv/hybrid')).toEqual([
      'sign in with the token in .data/admin-token:',
      '  curl -H "Authorization: Bearer $(cat .data/admin-token)" http://127.0.0.1:8080/api/runs',
      '  npm run hybrid -- run list',
    ]));

  it('names what is not as usual', () =>
    expect(signInHelp('http://127.0.0.1:81', "/tmp/it's here/admin-token", '/srv').at(-1)).toBe(
      `  HYBRID_URL=http://127.0.0.1:81 HYBRID_TOKEN_FILE='/tmp/it'\\''s here/admin-token' npm run hybrid -- run list`,
    ));
});

describe('the link for the first administrator', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  /** What is asked of a gateway that answers this. */
  async function link(status: number, answer: object, env: NodeJS.ProcessEnv = {}) {
    const asked: { authorization: string | undefined; body: string }[] = [];
    const server: Server = createServer((request, response) => {
      let body = '';
      request.on('data', (part) => (body += String(part)));
      request.on('end', () => {
        asked.push({ authorization: request.headers.authorization, body });
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const directory = await mkdtemp(join(tmpdir(), 'hybrid-link-'));
    closing.push(async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(directory, { recursive: true, force: true });
    });
    const file = join(directory, 'admin-token');
    await writeFile(file, 'the-token\n');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { url, asked, lines: await signInLink(url, file, env) };
  }

  it('is an invitation to be administrator, for an hour', async () => {
    const { url, asked, lines } = await link(201, { path: '/auth/invitation#hyi_secret' });
    expect(lines.at(-1)).toBe(`  ${url}/auth/invitation#hyi_secret`);
    expect(asked.map(({ authorization }) => authorization)).toEqual(['Bearer the-token']);
    expect(JSON.parse(asked[0]!.body)).toEqual({
      roles: [{ role: 'admin' }],
      name: 'administrator',
      expires_in_seconds: 3600,
    });
  });

  it('is not made where a provider says who somebody is', async () => {
    const { asked, lines } = await link(201, { path: '/' }, { HYBRID_PROVIDERS_FILE: 'providers.yaml' });
    expect({ asked, lines }).toEqual({ asked: [], lines: [] });
  });

  it('is left out where it cannot be had', async () => expect((await link(503, {})).lines).toEqual([]));
});
