/** From somebody whom a provider vouches for to a session, and its end. */
import {
  DEFAULT_ORG,
  identityRequests,
  problem,
  type CallContext,
  type UserAccess,
  type VouchedUser,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Injectable, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { readSecretToken } from '../identity/secret-token.js';
import { clearCookie, cookieOf, SESSION_COOKIE, setCookie } from './cookies.js';
import { deviceName } from './device-name.js';
import { Sessions, type NewSession, type Session } from './sessions.js';

export interface Wanted {
  organisation?: string | undefined;
  invitation?: { invitation_id: string; sha256: string } | undefined;
}

/** Where a request comes from. */
export type From = Pick<FastifyRequest, 'ip' | 'headers' | 'cookies'>;

@Injectable()
export class SignIn {
  private readonly logger = new Logger('sign-in');

  constructor(
    private readonly connections: Connections,
    private readonly sessions: Sessions,
  ) {}

  /** @throws ProblemError `not_a_member`, `invitation_invalid`. */
  async signIn(
    user: VouchedUser,
    { organisation, invitation }: Wanted,
    from: From,
  ): Promise<{ session: Session; token: string }> {
    const org = invitation
      ? (await this.invitation(invitation, from)).org
      : await this.organisationOf(user, organisation, from);
    const { user_id } = await this.send(
      identityRequests.signIn,
      { user, ...(invitation && { invitation }) },
      { ...gatewayCall(from), org },
    );
    return this.start({ user_id, org, provider: user.provider }, from);
  }

  /** @throws ProblemError `invitation_invalid`. */
  invitation(invitation: { invitation_id: string; sha256: string }, from: From) {
    return this.send(identityRequests.invitationAccess, invitation, gatewayCall(from));
  }

  /** Always a new token: nobody can have planted it. It is given out once the audit knows of it. */
  async start(
    who: Pick<NewSession, 'user_id' | 'org' | 'provider'>,
    from: From,
  ): Promise<{ session: Session; token: string }> {
    const device = deviceName(from.headers['user-agent']);
    const made = this.sessions.make({ ...who, device, address: from.ip });
    const { session_id, user_id, provider, expires_at } = made.session;
    await this.send(
      identityRequests.sessionStarted,
      { session_id, user_id, provider, device, expires_at },
      callOf(made.session, from),
    );
    await this.sessions.keep(made.session);
    return made;
  }

  /** For a browser: in its cookie, in place of the session that it had. */
  async put(reply: FastifyReply, { session, token }: { session: Session; token: string }, from: From) {
    const before = await this.presented(from);
    if (before) await this.end(before, 'signed-out', callOf(before, from));
    const seconds = Math.round((Date.parse(session.expires_at) - Date.now()) / 1000);
    setCookie(reply, SESSION_COOKIE, token, seconds);
  }

  /** The session of the browser's cookie, if it is one. */
  async presented(from: From): Promise<Session | null> {
    const secret = readSecretToken(cookieOf(from, SESSION_COOKIE) ?? '');
    return secret?.kind === 'session' ? this.sessions.find(secret) : null;
  }

  /** At once, also where the audit cannot be told. */
  async end(session: Session, reason: 'signed-out' | 'forced', call: CallContext): Promise<void> {
    await this.sessions.end(session);
    const { session_id, user_id } = session;
    await this.send(identityRequests.sessionEnded, { session_id, user_id, reason }, call).catch(
      (error: Error) => {
        this.logger.error(
          `the end of session ${session_id} could not be told to the audit: ${error.message}`,
        );
      },
    );
  }

  /** @throws ProblemError `user_not_found` for somebody who is no member of the call's organisation. */
  async member(user_id: string, call: CallContext): Promise<void> {
    await this.send(identityRequests.user, { user_id }, call);
  }

  /** Null for somebody who is a member no more. */
  async accessOf({ user_id, org }: Session, from: From): Promise<UserAccess | null> {
    return this.send(identityRequests.userAccess, { user_id }, { ...gatewayCall(from), org }).catch(
      (error: { problem?: { code: string } }) => {
        if (error.problem?.code === 'not_a_member') return null;
        throw error;
      },
    );
  }

  forget(reply: FastifyReply): void {
    clearCookie(reply, SESSION_COOKIE);
  }

  private async organisationOf(user: VouchedUser, wanted: string | undefined, from: From): Promise<string> {
    const { issuer, subject } = user;
    const { organisations } = await this.send(
      identityRequests.memberships,
      { issuer, subject },
      gatewayCall(from),
    );
    const org = wanted === undefined ? organisations[0] : organisations.find((one) => one === wanted);
    if (org !== undefined) return org;
    throw problem(
      'forbidden',
      'not_a_member',
      `${user.name} is not a member ${wanted === undefined ? 'of any organisation' : 'of that organisation'} here: ask an administrator for an invitation, and open its link`,
    );
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}

/** On behalf of somebody who is not signed in yet. */
function gatewayCall({ ip }: From): CallContext {
  return {
    org: DEFAULT_ORG,
    actor: { type: 'service', id: 'gateway' },
    address: ip,
    correlationId: randomUUID(),
  };
}

export function callOf({ org, user_id }: Session, { ip }: From): CallContext {
  return { org, actor: { type: 'user', id: user_id }, address: ip, correlationId: randomUUID() };
}
