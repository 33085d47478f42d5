import { problem, type VouchedUser } from '@hybrid/contracts';
import * as oauth from 'openid-client';
import { isLoopbackHttp } from '../loopback.js';
import {
  asking,
  cleanEmail,
  cleanName,
  TIMEOUT_SECONDS,
  type Checks,
  type Presentation,
  type Provider,
} from './provider.js';
import type { ProviderSettings } from './provider-settings.js';

interface GithubUser {
  id: number;
  login: string;
  name: string | null;
}

/** OAuth 2 without OpenID Connect: who somebody is is asked of GitHub's API. */
export class GithubProvider implements Provider {
  readonly name: string;
  readonly title: string;
  private readonly config: oauth.Configuration;

  constructor(private readonly settings: ProviderSettings & { url: string; api_url: string }) {
    const { name, title, url, client_id, client_secret } = settings;
    this.name = name;
    this.title = title;
    this.config = new oauth.Configuration(
      {
        issuer: url,
        authorization_endpoint: `${url}/login/oauth/authorize`,
        token_endpoint: `${url}/login/oauth/access_token`,
      },
      client_id,
      undefined,
      oauth.ClientSecretPost(client_secret),
    );
    this.config.timeout = TIMEOUT_SECONDS;
    this.config[oauth.customFetch] = fetchAsOAuth;
    if (isLoopbackHttp(url)) oauth.allowInsecureRequests(this.config);
  }

  async begin({ state, verifier }: Checks, redirectUri: string): Promise<URL> {
    return oauth.buildAuthorizationUrl(this.config, {
      redirect_uri: redirectUri,
      scope: this.settings.scopes.join(' '),
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
  }

  finish(url: URL, { state, verifier }: Checks): Promise<VouchedUser> {
    return asking(this, this.exchange(url, state, verifier));
  }

  /** GitHub says for which app a token was made, and to the app alone. */
  async verify({ access_token }: Presentation): Promise<VouchedUser> {
    if (access_token === undefined)
      throw problem('invalid', 'access_token_required', 'oauth_tokens must have the access_token of GitHub');
    return asking(this, this.check(access_token));
  }

  private async exchange(url: URL, state: string, verifier: string): Promise<VouchedUser> {
    const { access_token } = await oauth.authorizationCodeGrant(this.config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
    });
    return this.vouch(await this.get<GithubUser>('/user', access_token), access_token);
  }

  private async check(accessToken: string): Promise<VouchedUser> {
    const { client_id, client_secret } = this.settings;
    const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
    const found = await this.ask<{ app: { client_id: string }; user: GithubUser }>(
      `/applications/${encodeURIComponent(client_id)}/token`,
      { authorization: `Basic ${basic}` },
      JSON.stringify({ access_token: accessToken }),
    );
    if (found.app?.client_id !== client_id) throw new Error('the token was made for another app');
    return this.vouch(found.user, accessToken);
  }

  private async vouch({ id, login, name }: GithubUser, accessToken: string): Promise<VouchedUser> {
    if (!Number.isSafeInteger(id)) throw new Error('GitHub told no id of the user');
    const emails = await this.get<{ email: string; primary: boolean; verified: boolean }[]>(
      '/user/emails',
      accessToken,
    );
    const primary = emails.find((one) => one.primary);
    return {
      provider: this.name,
      issuer: this.settings.url,
      // Logins change hands; ids do not.
      subject: String(id),
      name: cleanName(name, login),
      email: cleanEmail(primary?.email, primary?.verified),
    };
  }

  private get<T>(path: string, accessToken: string): Promise<T> {
    return this.ask(path, { authorization: `Bearer ${accessToken}` });
  }

  private async ask<T>(path: string, headers: Record<string, string>, body?: string): Promise<T> {
    const response = await fetch(this.settings.api_url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/vnd.github+json',
        'user-agent': 'hybrid',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body }),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_SECONDS * 1000),
    });
    if (!response.ok)
      throw Object.assign(new Error(`GitHub's API answered ${response.status}`), { status: response.status });
    return (await response.json()) as T;
  }
}

/** GitHub tells the errors of its token endpoint with status 200. */
const fetchAsOAuth: oauth.CustomFetch = async (url, options) => {
  const response = await fetch(url, options);
  if (response.status !== 200) return response;
  const text = await response.text();
  let failed = false;
  try {
    failed = 'error' in (JSON.parse(text) as object);
  } catch {
    // Whoever reads it says so.
  }
  return new Response(text, { status: failed ? 400 : 200, headers: response.headers });
};
