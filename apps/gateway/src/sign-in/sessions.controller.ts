import { LogoutQuery, problem, StartSession, ValidateSession } from '@hybrid/contracts';
import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseInterceptors,
} from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Caller } from '../edge/caller.js';
import { isForAll, type Principal } from '../identity/principal.js';
import { readSecretToken } from '../identity/secret-token.js';
import { Attempts } from './attempts.js';
import { Logins } from './logins.js';
import { Providers } from './providers/providers.js';
import { PublicUrl } from './public-url.js';
import { requireSameOrigin } from './same-origin.js';
import { noSession, Sessions, type Session } from './sessions.js';
import { callOf, SignIn } from './sign-in.js';

@ApiTags('sign-in')
@Controller()
@UseInterceptors(Attempts)
export class SessionsController {
  constructor(
    private readonly sessions: Sessions,
    private readonly signIn: SignIn,
    private readonly providers: Providers,
    private readonly logins: Logins,
    private readonly publicUrl: PublicUrl,
    private readonly attempts: Attempts,
  ) {}

  /** For clients that have signed in at the provider by themselves. The provider's tokens are checked and not kept. */
  @Post('auth/session')
  async start(
    @Body() { user_id, provider: name, oauth_tokens, user_info }: StartSession,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    this.publicUrl.originFor(request);
    const user = await this.providers.get(name).verify(oauth_tokens);
    const claimed: [field: string, claimed: string | undefined, proved: string | null][] = [
      ['user_id', user_id, user.subject],
      ['user_info.sub', user_info?.sub, user.subject],
      ['user_info.email', user_info?.email, user.email],
      ['user_info.name', user_info?.name, user.name],
    ];
    const wrong = claimed.find(([, claim, proved]) => claim !== undefined && claim !== proved);
    if (wrong)
      throw problem('forbidden', 'identity_mismatch', `${wrong[0]} is not what the provider vouches for`);
    const { id_token } = oauth_tokens;
    if (id_token !== undefined && !(await this.logins.useOnce(id_token)))
      throw problem('forbidden', 'sign_in_failed', 'this ID token was used before: get a new one');
    const started = await this.signIn.signIn(user, {}, request);
    await this.signIn.put(reply, started, request);
    const { session } = started;
    return {
      session_id: started.token,
      user_id: session.user_id,
      provider: session.provider,
      created_at: session.created_at,
      expires_at: session.expires_at,
    };
  }

  /** Whether a session is open, for somebody who is still a member. */
  @Post('auth/validate')
  @HttpCode(200)
  async validate(@Body() { session_id }: ValidateSession, @Req() request: FastifyRequest) {
    const session = await this.bySecret(session_id);
    const valid = session !== null && (await this.signIn.accessOf(session, request)) !== null;
    if (!valid) this.attempts.failed(noSession(readSecretToken(session_id)?.kind === 'session'), request);
    return {
      valid,
      user_id: valid ? session.user_id : null,
      provider: valid ? session.provider : null,
      expires_at: valid ? session.expires_at : null,
    };
  }

  /** Of the session that is named, or that is signed in. The same answer for one that has ended already. */
  @Post('auth/logout')
  @HttpCode(200)
  async logout(
    @Query() { session_id }: LogoutQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const secret = session_id ?? /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
    if (secret === undefined) requireSameOrigin(request, this.publicUrl);
    const mine = await this.signIn.presented(request);
    const session = secret === undefined ? mine : await this.bySecret(secret);
    if (session) await this.signIn.end(session, 'signed-out', callOf(session, request));
    if (secret === undefined || session?.session_id === mine?.session_id) this.signIn.forget(reply);
    if (!request.headers.accept?.includes('text/html')) return { status: 'logged out' };
    void reply.redirect('/auth/sign-in', 303);
  }

  /** The caller's open sessions, the newest first; not those of other organisations. */
  @Get('auth/sessions')
  @ApiBearerAuth()
  async list(@Caller() { org, principal }: Caller) {
    const found = principal.kind === 'user' ? await this.sessions.list(principal.id, org) : [];
    const sessions = found.map(({ session_id: id, provider, created_at, expires_at, device, address }) => ({
      id,
      provider,
      created_at,
      expires_at,
      device,
      address,
      current: id === principal.session,
    }));
    return { sessions, total: sessions.length, next_cursor: null };
  }

  /** One's own; those who decide who may do what end anybody's of the organisation. */
  @Delete('auth/sessions/:session_id')
  @ApiBearerAuth()
  async end(@Param('session_id') id: string, @Caller() caller: Caller) {
    const session = await this.sessions.get(id);
    const { principal, org } = caller;
    const own = session !== null && principal.kind === 'user' && session.user_id === principal.id;
    if (!session || session.org !== org || !(own || decides(principal)))
      throw problem('not_found', 'session_not_found', 'there is no such session that is open');
    await this.signIn.end(session, own ? 'signed-out' : 'forced', caller);
    return { status: 'ended' };
  }

  /** All of one person's, in this organisation: they have to sign in again. */
  @Delete('api/users/:user_id/sessions')
  @ApiBearerAuth()
  async endAll(@Param('user_id') userId: string, @Caller() caller: Caller) {
    await this.signIn.member(userId, caller);
    const sessions = await this.sessions.list(userId, caller.org);
    for (const session of sessions) await this.signIn.end(session, 'forced', caller);
    return { ended: sessions.length };
  }

  private async bySecret(text: string): Promise<Session | null> {
    const secret = readSecretToken(text);
    return secret?.kind === 'session' ? this.sessions.find(secret) : null;
  }
}

function decides({ kind, roles }: Principal): boolean {
  return kind === 'installation' || roles.some((grant) => grant.role === 'admin' && isForAll(grant));
}
