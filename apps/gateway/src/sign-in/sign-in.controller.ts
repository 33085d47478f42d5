/** The way through a provider, as browsers go it. */
import { LoginQuery, problem, SignInQuery } from '@hybrid/contracts';
import { Controller, Get, Param, Query, Req, Res, UseFilters, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { InstallationKeys } from '../identity/installation-keys.js';
import { readSecretToken } from '../identity/secret-token.js';
import { Attempts } from './attempts.js';
import { clearCookie, cookieOf, INVITATION_COOKIE, LOGIN_COOKIE, setCookie } from './cookies.js';
import { Logins, LOGIN_SECONDS, stateOf } from './logins.js';
import { PageFilter } from './pages/page.filter.js';
import { sendPage } from './pages/page.js';
import { signedInPage, signInPage } from './pages/pages.js';
import type { Checks } from './providers/provider.js';
import { Providers } from './providers/providers.js';
import { PublicUrl } from './public-url.js';
import { HOME, safeReturnTo } from './return-to.js';
import { Sessions } from './sessions.js';
import { SignIn } from './sign-in.js';

@ApiTags('sign-in')
@Controller('auth')
@UseFilters(PageFilter)
@UseInterceptors(Attempts)
export class SignInController {
  constructor(
    private readonly providers: Providers,
    private readonly logins: Logins,
    private readonly keys: InstallationKeys,
    private readonly signIn: SignIn,
    private readonly sessions: Sessions,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** Who is signed in here, or the providers to sign in with. */
  @Get('sign-in')
  async page(@Query() query: SignInQuery, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const session = await this.signIn.presented(request);
    const access = session && (await this.signIn.accessOf(session, request));
    if (session && access && query.organisation === undefined) {
      if (query.return_to !== undefined) return reply.redirect(safeReturnTo(query.return_to), 303);
      const { length } = await this.sessions.list(session.user_id, session.org);
      return sendPage(reply, 200, 'Signed in', signedInPage(access.name, session.org, length));
    }
    const choices = choicesOf(this.providers, {
      return_to: query.return_to && safeReturnTo(query.return_to),
      organisation: query.organisation,
    });
    return sendPage(reply, 200, 'Sign in', signInPage(choices));
  }

  /** Sends the browser to the provider. */
  @Get('login/:provider')
  async login(
    @Param('provider') name: string,
    @Query() query: LoginQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const provider = this.providers.get(name);
    const origin = this.publicUrl.originFor(request);
    const { secret } = await this.logins.begin({
      provider: name,
      origin,
      key: this.keys.current,
      return_to: safeReturnTo(query.return_to ?? HOME),
      organisation: query.organisation,
      invitation: query.invitation === undefined ? undefined : invitationOf(request),
    });
    const url = await provider.begin(this.checks(this.keys.current, secret), callback(origin, name));
    setCookie(reply, LOGIN_COOKIE, secret, LOGIN_SECONDS);
    void reply.header('cache-control', 'no-store').redirect(url.href, 302);
  }

  /** Where the provider sends the browser back to. */
  @Get('callback/:provider')
  async callback(
    @Param('provider') name: string,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const provider = this.providers.get(name);
    const origin = this.publicUrl.originFor(request);
    const url = new URL(request.url, origin);
    const secret = cookieOf(request, LOGIN_COOKIE);
    // Before the attempt is used up: a link with somebody else's state ends nothing, and begins nothing.
    if (secret === undefined || url.searchParams.get('state') !== stateOf(secret)) throw notBegunHere();
    const attempt = await this.logins.take(secret);
    clearCookie(reply, LOGIN_COOKIE);
    if (!attempt || attempt.provider !== name || attempt.origin !== origin) throw notBegunHere();
    const user = await provider.finish(url, this.checks(attempt.key, secret));
    const { organisation, invitation } = attempt;
    await this.signIn.put(
      reply,
      await this.signIn.signIn(user, { organisation, invitation }, request),
      request,
    );
    if (invitation) clearCookie(reply, INVITATION_COOKIE);
    // Once more: what comes from the bucket is not for this line to trust.
    void reply.header('cache-control', 'no-store').redirect(safeReturnTo(attempt.return_to), 303);
  }

  /**
   * Of the browser's secret and the installation's key together: neither the bucket nor the browser alone tells what the
   * provider is to be convinced with.
   */
  private checks(key: string, secret: string): Checks {
    const derive = (purpose: string) =>
      this.keys.derive(key, `login/${purpose}/${secret}`).toString('base64url');
    return { state: stateOf(secret), nonce: derive('nonce'), verifier: derive('verifier') };
  }
}

export function choicesOf(providers: Providers, query: Record<string, string | undefined>) {
  const told = Object.entries(query).filter((pair): pair is [string, string] => pair[1] !== undefined);
  const search = told.length > 0 ? `?${new URLSearchParams(told).toString()}` : '';
  return providers.all.map(({ name, title }) => ({ title, href: `/auth/login/${name}${search}` }));
}

/** The invitation whose link was opened in this browser. @throws ProblemError `invitation_invalid`. */
export function invitationOf(request: FastifyRequest): { invitation_id: string; sha256: string } {
  const secret = readSecretToken(cookieOf(request, INVITATION_COOKIE) ?? '');
  if (secret?.kind !== 'invitation')
    throw problem('forbidden', 'invitation_invalid', 'open the link of the invitation again');
  return { invitation_id: secret.id, sha256: secret.sha256 };
}

function callback(origin: string, provider: string): string {
  return `${origin}/auth/callback/${provider}`;
}

function notBegunHere(): Error {
  return problem(
    'forbidden',
    'login_not_begun',
    'this sign-in was not begun in this browser, or was used or is over: begin again',
  );
}
