import { OpenInvitation, problem } from '@hybrid/contracts';
import { Body, Controller, Get, HttpCode, Post, Req, Res, UseFilters, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readSecretToken } from '../identity/secret-token.js';
import { Attempts } from './attempts.js';
import { clearCookie, INVITATION_COOKIE, setCookie } from './cookies.js';
import { LOGIN_SECONDS } from './logins.js';
import { PageFilter } from './pages/page.filter.js';
import { sendPage } from './pages/page.js';
import { invitationPage, openInvitationPage } from './pages/pages.js';
import { Providers } from './providers/providers.js';
import { PublicUrl } from './public-url.js';
import { HOME } from './return-to.js';
import { requireSameOrigin } from './same-origin.js';
import { choicesOf, invitationOf } from './sign-in.controller.js';
import { SignIn } from './sign-in.js';

@ApiTags('sign-in')
@Controller('auth/invitation')
@UseFilters(PageFilter)
@UseInterceptors(Attempts)
export class InvitationController {
  constructor(
    private readonly providers: Providers,
    private readonly signIn: SignIn,
    private readonly publicUrl: PublicUrl,
  ) {}

  /** The secret is in the fragment, which comes with the next request: whoever only looks at a link uses nothing up. */
  @Get()
  open(@Res() reply: FastifyReply) {
    sendPage(reply, 200, 'Invitation', openInvitationPage());
  }

  /** Who invites to what, and the ways to sign in. */
  @Post()
  @HttpCode(200)
  async show(@Body() { token }: OpenInvitation, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    this.publicUrl.originFor(request);
    const secret = readSecretToken(token);
    if (secret?.kind !== 'invitation')
      throw problem(
        'forbidden',
        'invitation_invalid',
        'this is no link of an invitation, or not the whole of it',
      );
    const { id: invitation_id, sha256 } = secret;
    const invitation = await this.signIn.invitation({ invitation_id, sha256 }, request);
    setCookie(reply, INVITATION_COOKIE, token, LOGIN_SECONDS);
    const choices = choicesOf(this.providers, { invitation: 'accept' });
    sendPage(reply, 200, 'Invitation', invitationPage(invitation, choices));
  }

  /**
   * Signs in by the invitation alone, where there is no provider to do it: how the first administrator comes in. That is
   * as safe as the link is secret: an administrator made it, for these roles, it is over soon, and of all who try the
   * first one gets in; identity takes no invitation twice. Once providers are configured, links prove nothing by themselves.
   */
  @Post('accept')
  async accept(@Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    requireSameOrigin(request, this.publicUrl);
    this.publicUrl.originFor(request);
    if (this.providers.all.length > 0)
      throw problem(
        'forbidden',
        'provider_required',
        'sign in with one of the providers to accept an invitation',
      );
    const invitation = invitationOf(request);
    const { org, name } = await this.signIn.invitation(invitation, request);
    // Who is invited by the same name again is the same person; without a name nobody is anybody who was here before.
    const subject = `${org}/${name === null ? invitation.invitation_id : `name/${name}`}`;
    const user = { provider: 'local', issuer: 'local', subject, name: name ?? 'guest', email: null };
    await this.signIn.put(reply, await this.signIn.signIn(user, { invitation }, request), request);
    clearCookie(reply, INVITATION_COOKIE);
    void reply.redirect(HOME, 303);
  }
}
