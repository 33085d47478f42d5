/**
 * How many requests a minute the gateway takes: of an address before it does anything else, of a caller and its
 * organisation once it knows them; and how many failures to authenticate, which are far fewer.
 *
 * Each gateway counts for itself, so that N of them let N times as much through. Counting together would cost every
 * request a round trip, and these limits are there to keep one caller from taking all of a gateway.
 */
import { problem } from '@hybrid/contracts';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../identity/principal.js';
import { clientNetwork } from './client-network.js';
import { RateLimit, type Quota } from './rate-limit.js';

/** Requests a minute; 0 for no limit. */
export interface RateLimitSettings {
  HYBRID_RATE_LIMIT_ADDRESS: number;
  HYBRID_RATE_LIMIT_CALLER: number;
  HYBRID_RATE_LIMIT_ORGANISATION: number;
  HYBRID_RATE_LIMIT_FAILURES: number;
  HYBRID_RATE_LIMIT_SIGN_INS: number;
}

/** Health checks come from load balancers, and a gateway that is busy is not dead. */
const FREE = /^\/health(\/|\?|$)/;

export class RateLimits {
  private readonly address: RateLimit | null;
  private readonly caller: RateLimit | null;
  private readonly organisation: RateLimit | null;
  private readonly failures: RateLimit | null;
  private readonly signIns: RateLimit | null;

  constructor(settings: RateLimitSettings) {
    this.address = limitOf(settings.HYBRID_RATE_LIMIT_ADDRESS);
    this.caller = limitOf(settings.HYBRID_RATE_LIMIT_CALLER);
    this.organisation = limitOf(settings.HYBRID_RATE_LIMIT_ORGANISATION);
    this.failures = limitOf(settings.HYBRID_RATE_LIMIT_FAILURES);
    this.signIns = limitOf(settings.HYBRID_RATE_LIMIT_SIGN_INS);
  }

  /** Before any other hook. */
  countAddresses(fastify: FastifyInstance): void {
    const { address } = this;
    if (!address) return;
    fastify.addHook('onRequest', (request, reply, done) => {
      if (FREE.test(request.url)) return done();
      try {
        admit(address.take(clientNetwork(request.ip)), 'this address', reply);
        done();
      } catch (error) {
        done(error as Error);
      }
    });
  }

  /** @throws ProblemError `rate_limited`. What a caller is refused is not taken from its organisation. */
  count({ kind, id, org }: Principal, reply: FastifyReply): void {
    if (this.caller) admit(this.caller.take(`${kind}:${id}`), 'this caller', reply);
    if (this.organisation) admit(this.organisation.take(org), 'this organisation', reply);
  }

  /**
   * To be asked before a credential is looked at: guessing must not be worth the try, nor cost the services anything.
   * @throws ProblemError `rate_limited`.
   */
  mayTry({ ip }: Pick<FastifyRequest, 'ip'>, reply: FastifyReply): void {
    const quota = this.failures?.look(clientNetwork(ip));
    if (quota && quota.retrySeconds > 0) refuse(quota, 'failures to authenticate from this address', reply);
  }

  /** Somebody begins to sign in, of whom nothing is known yet. @throws ProblemError `rate_limited`. */
  begins({ ip }: Pick<FastifyRequest, 'ip'>, reply: FastifyReply): void {
    if (this.signIns) admit(this.signIns.take(clientNetwork(ip)), 'this address to sign in', reply);
  }

  /** A credential was wrong. Nothing but time makes up for it. */
  failed({ ip }: Pick<FastifyRequest, 'ip'>): void {
    this.failures?.take(clientNetwork(ip));
  }
}

function limitOf(perMinute: number): RateLimit | null {
  return perMinute > 0 ? new RateLimit(perMinute) : null;
}

function admit(quota: Quota, whose: string, reply: FastifyReply): void {
  if (quota.retrySeconds > 0) refuse(quota, `requests of ${whose}`, reply);
  const told = reply.getHeader('ratelimit-remaining');
  // Several limits apply: the answer tells the one that will be reached first.
  if (told === undefined || quota.remaining < Number(told)) tell(quota, reply);
}

function refuse(quota: Quota, what: string, reply: FastifyReply): never {
  tell(quota, reply);
  void reply.header('retry-after', String(quota.retrySeconds));
  throw problem(
    'too_many',
    'rate_limited',
    `too many ${what}: ${quota.limit} a minute are allowed; try again in ${quota.retrySeconds} s`,
  );
}

/** Fields as of draft-ietf-httpapi-ratelimit-headers-06, which is what clients know; later drafts put them into one. */
function tell({ limit, remaining, resetSeconds }: Quota, reply: FastifyReply): void {
  void reply
    .header('ratelimit-limit', String(limit))
    .header('ratelimit-remaining', String(remaining))
    .header('ratelimit-reset', String(resetSeconds));
}
