/**
 * Checks a token by which a platform vouches for a workload (OpenID Connect, RFC 7519): for an issuer that a rule of the
 * organisation names and nobody else, by its signature, its times and its audience.
 */
import { problem, type ProblemError, type TrustRuleView } from '@hybrid/contracts';
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type JWTPayload } from 'jose';
import type { IssuerKeys } from './issuer-keys.js';
import { fitsSubject } from './subject-pattern.js';

/** Public keys only: with a shared key whoever can check a token can make one. */
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
/** Between the clocks of the issuer and of the gateway. */
const LEEWAY_SECONDS = 60;
/** Cloud platforms give tokens for up to a day, whatever their `exp` says. */
const MAX_AGE_SECONDS = 24 * 3600;
const MAX_LENGTH = 500;

/** @throws ProblemError `workload_token_malformed`: this cannot be a token of a workload. */
export function issuerOf(token: string): string {
  try {
    const { alg } = decodeProtectedHeader(token);
    if (!ALGORITHMS.includes(alg ?? '')) throw malformed(`must be signed by ${ALGORITHMS.join(', ')}`);
    const { iss } = decodeJwt(token);
    if (typeof iss !== 'string' || !iss || iss.length > MAX_LENGTH)
      throw malformed('must name its issuer (iss)');
    return iss;
  } catch (error) {
    throw error instanceof errors.JOSEError || error instanceof TypeError ? malformed('is no JWT') : error;
  }
}

/**
 * The oldest of the rules that fits, or of those for the pool, with the workload's subject.
 * @param rules that name the token's issuer, the oldest first.
 * @throws ProblemError with a code that says which check failed; see below.
 */
export async function fittingRule(
  token: string,
  rules: readonly TrustRuleView[],
  keys: IssuerKeys,
  pool?: string,
): Promise<{ rule: TrustRuleView; subject: string }> {
  const [first] = rules;
  if (!first)
    throw problem(
      'unauthenticated',
      'workload_issuer_unknown',
      'no trust rule of this organisation names the issuer of this token (iss), letter for letter',
    );
  const claims = await verified(token, first.issuer, keys);
  const { sub: subject, aud } = claims;
  // What is for others as well, they could show here.
  const audience = Array.isArray(aud) && aud.length === 1 ? aud[0] : aud;
  const meant = rules.filter((rule) => rule.audience === audience);
  if (meant.length === 0)
    throw problem(
      'unauthenticated',
      'workload_audience_wrong',
      'no trust rule for this issuer is for the audience of this token (aud): ask the platform for a token for the audience of the rule, and for no other',
    );
  if (typeof subject !== 'string' || !subject || subject.length > MAX_LENGTH || /\p{Cc}/u.test(subject))
    throw malformed('must name its subject (sub)');
  const rule = meant.find(
    (one) =>
      (pool === undefined || one.pool === pool) &&
      fitsSubject(one.subject, subject) &&
      Object.entries(one.claims).every(([name, wanted]) => claimOf(claims, name) === wanted),
  );
  if (!rule)
    throw problem(
      'unauthenticated',
      'workload_no_rule_fits',
      `no trust rule fits the subject and the other claims of this token${pool === undefined ? '' : ' and the pool that it shall join'}: compare its sub with the rules`,
    );
  return { rule, subject };
}

async function verified(token: string, issuer: string, keys: IssuerKeys): Promise<JWTPayload> {
  try {
    const { payload } = await jwtVerify(token, keys.of(issuer), {
      algorithms: ALGORITHMS,
      issuer,
      clockTolerance: LEEWAY_SECONDS,
      maxTokenAge: MAX_AGE_SECONDS,
      requiredClaims: ['exp', 'iat', 'sub', 'aud'],
    });
    return payload;
  } catch (error) {
    if (error instanceof errors.JOSEError) throw refusal(error);
    throw error;
  }
}

function refusal(error: errors.JOSEError): ProblemError {
  if (error instanceof errors.JWTExpired)
    return problem(
      'unauthenticated',
      'workload_token_expired',
      `the token has expired (exp), or is older than ${MAX_AGE_SECONDS / 3600} h (iat): ask the platform for a new one`,
    );
  if (error instanceof errors.JWTClaimValidationFailed && error.reason === 'check_failed')
    if (error.claim === 'nbf' || error.claim === 'iat')
      return problem(
        'unauthenticated',
        'workload_token_not_yet_valid',
        'the token is of the future (nbf, iat): is a clock wrong?',
      );
  if (error instanceof errors.JWTClaimValidationFailed) return malformed(`has no good claim ${error.claim}`);
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  )
    return problem(
      'unauthenticated',
      'workload_signature_invalid',
      'the token is not signed with a key of its issuer',
    );
  return malformed('is no JWT that can be checked');
}

/** As text; of lists and objects there is none. */
function claimOf(claims: JWTPayload, name: string): string | undefined {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return ['string', 'number', 'boolean'].includes(typeof value) ? String(value) : undefined;
}

function malformed(why: string): ProblemError {
  return problem('unauthenticated', 'workload_token_malformed', `the subject token ${why}`);
}
