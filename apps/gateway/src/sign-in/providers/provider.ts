/** Who vouches for people. */
import { problem, type VouchedUser } from '@hybrid/contracts';
import { Logger } from '@nestjs/common';
import * as oauth from 'openid-client';

/** What a sign-in must come back with; the challenge went to the provider, the verifier stays here. */
export interface Checks {
  state: string;
  nonce: string;
  verifier: string;
}

/** What a client has that has signed in at the provider by itself. */
export interface Presentation {
  id_token?: string | undefined;
  access_token?: string | undefined;
}

export interface Provider {
  /** As configured. */
  readonly name: string;
  /** For people. */
  readonly title: string;
  /** Where the browser goes. @throws ProblemError `provider_unavailable`. */
  begin(checks: Checks, redirectUri: string): Promise<URL>;
  /** Who came back to `url`. @throws ProblemError `sign_in_refused`, `sign_in_failed`, `provider_unavailable`. */
  finish(url: URL, checks: Checks): Promise<VouchedUser>;
  /** Whose tokens these are, if they were made for us. @throws ProblemError, as `finish`. */
  verify(tokens: Presentation): Promise<VouchedUser>;
}

/** Of one answer of a provider. */
export const TIMEOUT_SECONDS = 10;

const logger = new Logger('sign-in');

/** Codes of errors are for machines, and of a provider's all that is shown: the rest may be anybody's text. */
const CODE = /^[A-Za-z_]{1,60}$/;

/** What went wrong at a provider, as a problem. The log has what is known of it; no answer of a provider, no token. */
export async function asking<T>(
  { name, title }: Pick<Provider, 'name' | 'title'>,
  work: Promise<T>,
): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    const { code, error } = cause as { code?: unknown; error?: unknown };
    const shown = [error, code].find((one): one is string => typeof one === 'string' && CODE.test(one));
    if (cause instanceof oauth.AuthorizationResponseError)
      throw problem(
        'forbidden',
        'sign_in_refused',
        `${title} did not sign you in (${shown ?? 'no reason given'})`,
      );
    logger.warn(
      `${name}: ${(cause as Error).name}: ${(cause as Error).message}${shown ? ` (${shown})` : ''}`,
    );
    if (isAway(cause))
      throw problem(
        'unavailable',
        'provider_unavailable',
        `${title} does not answer at the moment; try again`,
      );
    throw problem(
      'forbidden',
      'sign_in_failed',
      `what ${title} answered could not be verified, or is over; sign in again`,
    );
  }
}

/** Nobody there, too slow, or out of order. */
function isAway(error: unknown): boolean {
  const { code, status, name, cause } = error as {
    code?: unknown;
    status?: unknown;
    name?: string;
    cause?: { name?: string; status?: unknown };
  };
  return (
    code === 'OAUTH_TIMEOUT' ||
    code === 'ERR_JWKS_TIMEOUT' ||
    name === 'TimeoutError' ||
    (error instanceof TypeError && error.message === 'fetch failed') ||
    cause?.name === 'TimeoutError' ||
    (cause instanceof TypeError && cause.message === 'fetch failed') ||
    [status, cause?.status].some((one) => typeof one === 'number' && one >= 500)
  );
}

/** At most 100 characters of one line. */
export function cleanName(...candidates: unknown[]): string {
  const name = candidates.find((one): one is string => typeof one === 'string' && one.trim() !== '') ?? '';
  return name
    .replaceAll(/[\p{C}\p{Z}]+/gu, ' ')
    .trim()
    .slice(0, 100);
}

export function cleanEmail(email: unknown, verified: unknown): string | null {
  return verified === true &&
    typeof email === 'string' &&
    /^[^\s@\p{C}]{1,64}@[^\s@\p{C}]{1,190}$/u.test(email)
    ? email
    : null;
}
