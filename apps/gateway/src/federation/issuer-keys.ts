/**
 * The public keys of issuers that trust rules name: found by OpenID Connect Discovery, fetched within limits and kept for
 * a while. Whatever tokens say, an issuer is asked one thing at a time, and not again right after.
 */
import { problem, ProblemError } from '@hybrid/contracts';
import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { fetchOfIssuer } from './issuer-fetch.js';

interface Limits {
  /** Of one answer of the issuer. */
  timeoutMs: number;
  maxBytes: number;
  /** Keys, and where they are, are asked for again after so long. */
  maxAgeMs: number;
  /** And no sooner than that for a key that is not among them. */
  cooldownMs: number;
  /** After an answer that was none. */
  failureMs: number;
  /** Whether issuers may be of this machine, or of a private network. */
  privateIssuers: boolean;
}

const LIMITS: Limits = {
  timeoutMs: 5_000,
  maxBytes: 256 * 1024,
  maxAgeMs: 10 * 60_000,
  cooldownMs: 30_000,
  failureMs: 5_000,
  privateIssuers: false,
};
/** What is not asked for goes first. */
const MAX_ISSUERS = 1_000;

export class IssuerKeys {
  private readonly issuers = new Map<string, Issuer>();

  constructor(private readonly limits: Limits = LIMITS) {}

  static readonly limits = LIMITS;

  /**
   * For `jwtVerify`. To be asked only for issuers that somebody trusts: whoever names one must not make us call it.
   * It throws ProblemError `workload_issuer_unavailable` or `workload_issuer_private`, and what jose throws for a key that is not there.
   */
  of(issuer: string): JWTVerifyGetKey {
    const known = this.issuers.get(issuer) ?? new Issuer(issuer, this.limits);
    this.issuers.delete(issuer);
    this.issuers.set(issuer, known);
    if (this.issuers.size > MAX_ISSUERS) this.issuers.delete(this.issuers.keys().next().value!);
    return known.getKey;
  }
}

class Issuer {
  private keys?: { set: Promise<JWTVerifyGetKey>; until: number };
  private failure?: { error: ProblemError; until: number };

  constructor(
    private readonly issuer: string,
    private readonly limits: Limits,
  ) {}

  readonly getKey: JWTVerifyGetKey = async (header, token) => {
    const set = await this.discovered();
    try {
      return await set(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
        throw error;
      throw this.failed(error);
    }
  };

  /** Of those who ask at once, the first one asks for all. */
  private discovered(): Promise<JWTVerifyGetKey> {
    if (!this.keys || this.keys.until <= performance.now()) {
      const keys = { set: this.discover(), until: performance.now() + this.limits.maxAgeMs };
      keys.set.catch(() => {
        if (this.keys === keys) this.keys = undefined;
      });
      this.keys = keys;
    }
    return this.keys.set;
  }

  private async discover(): Promise<JWTVerifyGetKey> {
    try {
      const url = `${this.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
      const signal = AbortSignal.timeout(this.limits.timeoutMs);
      const found = (await (await this.fetch(url, { signal })).json()) as Record<string, unknown>;
      if (found['issuer'] !== this.issuer) throw new Error('its configuration names another issuer');
      const { timeoutMs, maxAgeMs, cooldownMs } = this.limits;
      return createRemoteJWKSet(this.keysUrl(found['jwks_uri']), {
        timeoutDuration: timeoutMs,
        cacheMaxAge: maxAgeMs,
        cooldownDuration: cooldownMs,
        [customFetch]: (url, init) => this.fetch(url, init),
      });
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Of this machine only where the issuer is of this machine, too: nobody else tells what to ask here. */
  private keysUrl(uri: unknown): URL {
    const url = typeof uri === 'string' && URL.canParse(uri) ? new URL(uri) : null;
    const loopback = this.issuer.startsWith('http:') && ['localhost', '127.0.0.1', '[::1]'];
    if (url?.protocol === 'https:') return url;
    if (url?.protocol === 'http:' && loopback && loopback.includes(url.hostname)) return url;
    throw new Error('its configuration names no https URL for its keys (jwks_uri)');
  }

  /** A whole answer of JSON within the limits, and from nowhere else; not again right after one that was none. */
  private async fetch(url: string, { headers, signal }: RequestInit): Promise<Response> {
    if (this.failure && this.failure.until > performance.now()) throw this.failure.error;
    const { maxBytes, privateIssuers: mayBePrivate } = this.limits;
    const sent = new Headers(headers);
    sent.set('accept', 'application/json, application/jwk-set+json');
    try {
      const asked = { url: new URL(url), headers: Object.fromEntries(sent), signal, maxBytes, mayBePrivate };
      const text = await fetchOfIssuer(asked);
      JSON.parse(text);
      return new Response(text);
    } catch (error) {
      throw this.failed(error);
    }
  }

  private unavailable(cause: unknown): ProblemError {
    const why = cause instanceof Error ? reasonOf(cause) : String(cause);
    return problem(
      'unavailable',
      'workload_issuer_unavailable',
      `the keys of the issuer ${this.issuer} cannot be had now: ${why}; try again`,
    );
  }

  private failed(cause: unknown): ProblemError {
    if (this.failure && this.failure.error === cause) return this.failure.error;
    const error = cause instanceof ProblemError ? cause : this.unavailable(cause);
    this.failure = { error, until: performance.now() + this.limits.failureMs };
    return error;
  }
}

/** Never what the issuer answered. A connection that several addresses refused has no message of its own. */
function reasonOf(error: Error): string {
  if (error.name === 'TimeoutError') return 'it takes too long';
  if (error instanceof SyntaxError) return 'it answers no JSON';
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
