/** Sign-in of devices without a browser (RFC 8628): they show a code, and somebody who is signed in says yes to it. */
import { AnswerDevice, DeviceQuery, PollDevice, problem, type UserAccess } from '@hybrid/contracts';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Post,
  Query,
  Req,
  Res,
  UseFilters,
  UseInterceptors,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { readSecretToken } from '../identity/secret-token.js';
import { Attempts } from './attempts.js';
import { deviceName } from './device-name.js';
import { Logins, LOGIN_SECONDS, type DeviceLogin } from './logins.js';
import { PageFilter } from './pages/page.filter.js';
import { sendPage } from './pages/page.js';
import { deviceCodePage, deviceConfirmPage, sayPage } from './pages/pages.js';
import { PublicUrl } from './public-url.js';
import { requireSameOrigin } from './same-origin.js';
import type { Session } from './sessions.js';
import { SignIn } from './sign-in.js';
import { readUserCode, showUserCode } from './user-code.js';

/** Seconds between two questions of a device. */
const INTERVAL_SECONDS = 5;
/** A device's clock and the network may shorten the pause. */
const LEAST_PAUSE_MS = (INTERVAL_SECONDS - 1) * 1000;
/** A person mistypes a few times; guessing 20^8 codes takes more. */
const MAX_WRONG_CODES = 10;

@ApiTags('sign-in')
@Controller('auth/device')
@UseInterceptors(Attempts)
export class DeviceController {
  constructor(
    private readonly logins: Logins,
    private readonly signIn: SignIn,
    private readonly publicUrl: PublicUrl,
  ) {}

  @Post()
  @HttpCode(200)
  async begin(@Req() request: FastifyRequest) {
    const page = `${this.publicUrl.originFor(request)}/auth/device`;
    const device = deviceName(request.headers['user-agent']);
    const { deviceCode, userCode } = await this.logins.beginDevice({ device, address: request.ip });
    const user_code = showUserCode(userCode);
    return {
      device_code: deviceCode,
      user_code,
      verification_uri: page,
      verification_uri_complete: `${page}?user_code=${user_code}`,
      expires_in: LOGIN_SECONDS,
      interval: INTERVAL_SECONDS,
    };
  }

  /** Until somebody has answered: `authorization_pending`; `slow_down` for who asks more often than told. */
  @Post('token')
  @HttpCode(200)
  async token(@Body() { device_code }: PollDevice, @Req() request: FastifyRequest) {
    const secret = readSecretToken(device_code);
    const found = secret?.kind === 'device' ? await this.logins.deviceOf(secret) : null;
    if (!found) throw problem('invalid', 'expired_token', 'this code is over, or was used: begin again');
    const { login, revision } = found;
    if (!login.answer) return this.wait(login, revision);
    // Of two who ask at once with one code, one is answered.
    if (!(await this.logins.takeDevice(login, revision)))
      throw problem('invalid', 'expired_token', 'this code is over, or was used: begin again');
    if (login.answer.kind === 'denied')
      throw problem('forbidden', 'access_denied', 'somebody has said no to this device');
    const { user_id, org, provider } = login.answer;
    const { session, token } = await this.signIn.start({ user_id, org, provider }, request);
    return {
      access_token: token,
      token_type: 'Bearer',
      expires_in: Math.round((Date.parse(session.expires_at) - Date.now()) / 1000),
    };
  }

  @Get()
  @UseFilters(PageFilter)
  async page(
    @Query() { user_code }: DeviceQuery,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ) {
    const who = await this.signedIn(request);
    if (!who) {
      const here = `/auth/device${user_code ? `?user_code=${encodeURIComponent(user_code)}` : ''}`;
      return reply.redirect(`/auth/sign-in?return_to=${encodeURIComponent(here)}`, 303);
    }
    if (!user_code) return sendPage(reply, 200, 'Sign in a device', deviceCodePage());
    const { code, login } = await this.asked(user_code, who.session);
    const page = deviceConfirmPage(showUserCode(code), login.device, login.address, who.access.name);
    return sendPage(reply, 200, 'Sign in a device', page);
  }

  @Post('answer')
  @HttpCode(200)
  @UseFilters(PageFilter)
  async answer(
    @Body() { user_code, answer }: AnswerDevice,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    requireSameOrigin(request, this.publicUrl);
    const who = await this.signedIn(request);
    if (!who) throw problem('unauthenticated', 'unauthenticated', 'sign in first');
    const { login, revision } = await this.asked(user_code, who.session);
    const { user_id, org, provider } = who.session;
    const answered: DeviceLogin = {
      ...login,
      answer: answer === 'deny' ? { kind: 'denied' } : { kind: 'approved', user_id, org, provider },
    };
    // The device may have asked in the meantime, which changes nothing.
    if (!(await this.logins.changeDevice(answered, revision)))
      return this.answer({ user_code, answer }, request, reply);
    const text =
      answer === 'deny' ? 'The device was refused.' : 'The device is signed in. You may close this page.';
    sendPage(reply, 200, 'Sign in a device', sayPage(text));
  }

  private async wait(login: DeviceLogin, revision: number): Promise<never> {
    const now = Date.now();
    const early = login.polled_at !== undefined && now - login.polled_at < LEAST_PAUSE_MS;
    // Whoever changed it meanwhile has answered, or asked: the next question finds that.
    await this.logins.changeDevice({ ...login, polled_at: now }, revision);
    if (early) throw problem('invalid', 'slow_down', `ask every ${INTERVAL_SECONDS} seconds, or less often`);
    throw problem('invalid', 'authorization_pending', 'nobody has answered yet');
  }

  /** What waits for an answer under this code. Wrong ones count. */
  private async asked(userCode: string, { user_id }: Session) {
    if ((await this.logins.wrongCodes(user_id)) >= MAX_WRONG_CODES)
      throw problem('forbidden', 'too_many_codes', 'too many wrong codes: wait ten minutes');
    const code = readUserCode(userCode);
    const found = code && (await this.logins.device(code));
    if (!found || found.login.answer) {
      await this.logins.countWrongCode(user_id);
      throw problem(
        'not_found',
        'user_code_unknown',
        'no device waits with this code: it may be over; look again',
      );
    }
    return { code, ...found };
  }

  private async signedIn(request: FastifyRequest): Promise<{ session: Session; access: UserAccess } | null> {
    const session = await this.signIn.presented(request);
    const access = session && (await this.signIn.accessOf(session, request));
    return session && access ? { session, access } : null;
  }
}
