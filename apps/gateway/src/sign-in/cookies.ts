/** Cookies of sign-in. `__Host-`: of this very host, from a secure origin, for all paths; no other site plants one. */
import type { FastifyReply, FastifyRequest } from 'fastify';

export const SESSION_COOKIE = '__Host-hybrid-session';
/** What binds a sign-in under way to the browser that began it. */
export const LOGIN_COOKIE = '__Host-hybrid-login';
/** The invitation that is shown, until it is accepted. */
export const INVITATION_COOKIE = '__Host-hybrid-invitation';

// Lax: the way back from a provider, and links, come from another site.
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const;

export function setCookie(reply: FastifyReply, name: string, value: string, maxAgeSeconds: number): void {
  void reply.setCookie(name, value, { ...ATTRIBUTES, maxAge: maxAgeSeconds });
}

export function clearCookie(reply: FastifyReply, name: string): void {
  void reply.clearCookie(name, ATTRIBUTES);
}

/** Undefined also where nothing has read the cookies, as in requests that the router refuses. */
export function cookieOf({ cookies }: Pick<FastifyRequest, 'cookies'>, name: string): string | undefined {
  return cookies?.[name] || undefined;
}
