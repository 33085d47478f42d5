/** What counts against the limit of failures: what a guess gets, and not whoever was known here once. */
import { ProblemError } from '@hybrid/contracts';

/** Of sign-in, whose refusals are of other kinds. Its other codes are of people whom a provider vouches for. */
const OF_SIGN_IN = new Set([
  'invitation_invalid',
  'login_not_begun',
  'sign_in_failed',
  'identity_mismatch',
  'expired_token',
  'user_code_unknown',
]);

/**
 * `session_over` is told of a token with our own checksum only: a browser's tab that asks on after its session has ended
 * is no attack, and must not lock out its neighbours.
 */
export function isWrongCredential(error: unknown): boolean {
  if (!(error instanceof ProblemError)) return false;
  const { kind, code } = error.problem;
  return OF_SIGN_IN.has(code) || (kind === 'unauthenticated' && code !== 'session_over');
}
