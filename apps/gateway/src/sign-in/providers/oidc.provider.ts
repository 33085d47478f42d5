import { problem, type VouchedUser } from '@hybrid/contracts';
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from 'jose';
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

/** How long what an issuer says of itself is believed. */
const DISCOVERY_MS = 3_600_000;
/** Signatures that only the issuer can make: with HMAC whoever can check one can make one, and `none` is none. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** An ID token that is presented was made within this time; and is taken once, which is remembered for longer. */
const MAX_ID_TOKEN_AGE_SECONDS = 300;

interface Discovered {
  config: oauth.Configuration;
  keys: ReturnType<typeof createRemoteJWKSet>;
  until: number;
}

/** OpenID Connect: authorization code, PKCE with S256, state and nonce. */
export class OidcProvider implements Provider {
  readonly name: string;
  readonly title: string;
  private discovered: Promise<Discovered> | undefined;

  constructor(private readonly settings: ProviderSettings & { issuer: string }) {
    this.name = settings.name;
    this.title = settings.title;
  }

  async begin({ state, nonce, verifier }: Checks, redirectUri: string): Promise<URL> {
    const { config } = await asking(this, this.discover());
    return oauth.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: this.settings.scopes.join(' '),
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
  }

  finish(url: URL, { state, nonce, verifier }: Checks): Promise<VouchedUser> {
    return asking(this, this.exchange(url, state, nonce, verifier));
  }

  /** With an access token alone nobody can tell for whom it was made: another site could pass on its users'. */
  async verify({ id_token }: Presentation): Promise<VouchedUser> {
    if (id_token === undefined)
      throw problem('invalid', 'id_token_required', 'oauth_tokens must have the id_token of the provider');
    return asking(this, this.check(id_token));
  }

  private async exchange(url: URL, state: string, nonce: string, verifier: string): Promise<VouchedUser> {
    const { config } = await this.discover();
    const tokens = await oauth.authorizationCodeGrant(config, url, {
      pkceCodeVerifier: verifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    });
    const claims: JWTPayload = tokens.claims()!;
    const complete = claims['name'] !== undefined && claims['email'] !== undefined;
    if (complete || !config.serverMetadata().userinfo_endpoint) return this.vouch(claims);
    const info = await oauth.fetchUserInfo(config, tokens.access_token, claims.sub!);
    return this.vouch({ ...info, ...claims });
  }

  private async check(idToken: string): Promise<VouchedUser> {
    const { keys } = await this.discover();
    const { issuer, client_id } = this.settings;
    const { payload } = await jwtVerify(idToken, keys, {
      issuer,
      audience: client_id,
      algorithms: ALGORITHMS,
      maxTokenAge: MAX_ID_TOKEN_AGE_SECONDS,
      clockTolerance: 30,
      requiredClaims: ['sub', 'iat', 'exp'],
    });
    // Of several audiences one has asked for it (OpenID Connect Core, 3.1.3.7).
    const asked = payload['azp'] ?? (Array.isArray(payload.aud) && payload.aud.length > 1 ? null : client_id);
    if (asked !== client_id) throw new Error('the ID token was made for another client');
    return this.vouch(payload);
  }

  private vouch(claims: JWTPayload): VouchedUser {
    const { name, settings } = this;
    const { sub, email, email_verified, preferred_username } = claims;
    return {
      provider: name,
      issuer: settings.issuer,
      subject: sub!,
      name: cleanName(claims['name'], preferred_username, email, sub),
      email: cleanEmail(email, email_verified),
    };
  }

  /** Not at the start of the gateway, which a provider that is away must not keep from starting. */
  private async discover(): Promise<Discovered> {
    const known = await this.discovered?.catch(() => undefined);
    if (known && known.until > performance.now()) return known;
    return (this.discovered = this.ask());
  }

  private async ask(): Promise<Discovered> {
    const { issuer, client_id, client_secret } = this.settings;
    const config = await oauth.discovery(
      new URL(issuer),
      client_id,
      undefined,
      client_secret === undefined ? oauth.None() : oauth.ClientSecretPost(client_secret),
      {
        timeout: TIMEOUT_SECONDS,
        execute: [
          // Also where the token comes straight from the issuer.
          oauth.enableNonRepudiationChecks,
          ...(isLoopbackHttp(issuer) ? [oauth.allowInsecureRequests] : []),
        ],
      },
    );
    const { jwks_uri } = config.serverMetadata();
    if (jwks_uri === undefined) throw new Error('the issuer tells no jwks_uri');
    const keys = createRemoteJWKSet(new URL(jwks_uri), { timeoutDuration: TIMEOUT_SECONDS * 1000 });
    return { config, keys, until: performance.now() + DISCOVERY_MS };
  }
}
