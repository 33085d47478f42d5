/** A real OpenID Connect provider on loopback: every name signs in, with any password. */
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Page } from 'playwright-core';

export const CLIENT = { id: 'hybrid-tests', secret: 'a-secret-of-a-test-that-is-long-enough' };

export interface OidcIssuer {
  url: string;
  /** Begins to serve; until then it is out of order. */
  serve(redirectUris: string[]): Promise<void>;
  /** What browsers were sent here with. */
  authorizations: URL[];
  /** As whoever sits between the browser and it would: alters the way there. */
  alter?: ((authorization: URL) => void) | undefined;
  /** Given the way back to the gateway, which the browser does not take then. */
  hold?: ((way: URL) => void) | undefined;
  /** An ID token of its making, as another of its clients would get it. */
  idToken(claims: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

export async function startOidcIssuer(): Promise<OidcIssuer> {
  const authorizations: URL[] = [];
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const header = { alg: 'RS256', kid: 'tests' };
  let handle: RequestListener = (_, response) => void response.writeHead(503).end();
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/auth?')) {
      const authorization = new URL(request.url, 'http://issuer');
      authorizations.push(authorization);
      issuer.alter?.(authorization);
      request.url = authorization.pathname + authorization.search;
    }
    const end = response.end.bind(response) as (text?: unknown) => typeof response;
    response.end = ((body?: unknown) => {
      const way = response.getHeader('location');
      if (!issuer.hold || typeof way !== 'string' || !way.includes('/auth/callback/')) return end(body);
      issuer.hold(new URL(way));
      response.statusCode = 200;
      response.removeHeader('location');
      response.removeHeader('content-length');
      return end('held');
    }) as typeof response.end;
    handle(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: OidcIssuer = {
    url,
    authorizations,
    async serve(redirect_uris) {
      const jwks = { keys: [{ ...(await exportJWK(privateKey)), ...header, use: 'sig' }] };
      const listener = await quietly(async () => {
        const { default: Provider } = await import('oidc-provider');
        const provider = new Provider(url, {
          clients: [{ client_id: CLIENT.id, client_secret: CLIENT.secret, redirect_uris }],
          clientDefaults: { token_endpoint_auth_method: 'client_secret_post' },
          jwks,
          pkce: { required: () => true },
          claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
          findAccount: (_, accountId) => ({ accountId, claims: () => claimsOf(accountId) }),
          cookies: { keys: ['only-for-tests'] },
          ttl: { Interaction: 600, Session: 600, Grant: 600, IdToken: 600, AccessToken: 600 },
        });
        return provider.callback();
      });
      handle = (request, response) => void listener(request, response);
    },
    idToken: (claims) =>
      new SignJWT({ iss: url, aud: CLIENT.id, ...claims })
        .setProtectedHeader(header)
        .setIssuedAt(claims.iat)
        .setExpirationTime(claims.exp ?? '5m')
        .sign(privateKey),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return issuer;
}

export function claimsOf(name: string) {
  return {
    sub: name,
    name: `${name[0]!.toUpperCase()}${name.slice(1)}`,
    email: `${name}@example.com`,
    email_verified: true,
  };
}

/** Fills in the provider's own forms: who, and that it is fine. */
export async function signInAtIssuer(page: Page, name: string): Promise<void> {
  await page.fill('input[name=login]', name);
  await page.fill('input[name=password]', 'any');
  await page.click('button[type=submit]');
  await page.click('button:has-text("Continue")');
}

/** It warns of what is for development only, which is what it is here for. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { warn } = console;
  console.warn = () => undefined;
  try {
    return await work();
  } finally {
    console.warn = warn;
  }
}
