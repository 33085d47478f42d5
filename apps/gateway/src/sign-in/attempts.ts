/**
 * What guards the routes by which people and workloads come in, as the access guard does all others: limits before
 * anything else, and a record of whoever was not let in. For the controllers of these routes, which anybody may use.
 */
import { ProblemError, type Problem } from '@hybrid/contracts';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { defer, tap, type Observable } from 'rxjs';
import { RateLimits } from '../edge/rate-limits.js';
import { ACCESS, routeName } from '../identity/access-table.js';
import { Refusals } from '../identity/refusals.js';
import { isWrongCredential } from '../identity/wrong-credential.js';
import { cookieOf, INVITATION_COOKIE, LOGIN_COOKIE, SESSION_COOKIE } from './cookies.js';
import { Providers } from './providers/providers.js';
import { PublicUrl } from './public-url.js';
import { refuseEmbedded, refuseOtherSites } from './same-origin.js';

/** Whoever asks for these need show nothing, and most of them store something for ten minutes. */
const BEGINNINGS = new Set(['GET /auth/login/{provider}', 'POST /auth/device', 'POST /auth/invitation']);
const OF_WORKLOADS = 'POST /api/agents/token';
const COOKIES = [SESSION_COOKIE, LOGIN_COOKIE, INVITATION_COOKIE];

const REFUSING = new Set<Problem['kind']>(['unauthenticated', 'forbidden', 'too_many']);

@Injectable()
export class Attempts implements NestInterceptor {
  constructor(
    private readonly limits: RateLimits,
    private readonly refusals: Refusals,
    private readonly providers: Providers,
    private readonly publicUrl: PublicUrl,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    // Of all others the access guard knows who asks.
    if (ACCESS[routeOf(request)] !== 'everybody') return next.handle();
    return defer(() => {
      this.admit(request, http.getResponse<FastifyReply>());
      return next.handle();
    }).pipe(tap({ error: (error: unknown) => this.failed(error, request) }));
  }

  /** For an answer that says no without an error, too. */
  failed(error: unknown, request: FastifyRequest): void {
    if (!(error instanceof ProblemError)) return;
    const { kind, code } = error.problem;
    const wrong = isWrongCredential(error);
    if (wrong && presents(request)) this.limits.failed(request);
    if (!wrong && !REFUSING.has(kind)) return;
    const what = routeOf(request) === OF_WORKLOADS ? 'credential' : 'sign-in';
    this.refusals.refused({ what, code, where: this.whereOf(request), address: request.ip });
  }

  private admit(request: FastifyRequest, reply: FastifyReply): void {
    this.limits.mayTry(request, reply);
    refuseOtherSites(request, this.publicUrl);
    if (!BEGINNINGS.has(routeOf(request))) return;
    refuseEmbedded(request);
    this.limits.begins(request, reply);
  }

  /** The provider, where it is one of ours. */
  private whereOf(request: FastifyRequest): string {
    const { params, body } = request as {
      params?: { provider?: unknown };
      body?: { provider?: unknown } | null;
    };
    const named = params?.provider ?? body?.provider;
    return this.providers.all.find(({ name }) => name === named)?.name ?? routeOf(request);
  }
}

/** A link that another site's page follows comes without cookies: whoever reads that page guesses nothing. */
function presents(request: FastifyRequest): boolean {
  const { method } = request;
  const isLink = method === 'GET' || method === 'HEAD';
  return !isLink || COOKIES.some((name) => cookieOf(request, name) !== undefined);
}

function routeOf({ method, routeOptions }: FastifyRequest): string {
  return routeName(method, routeOptions.url ?? '');
}
