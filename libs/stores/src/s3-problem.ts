/** What S3 and its SDK say, as a StoreProblem that says how to mend it. */
import { StoreProblem, type StoreFault } from './object-store.js';

interface S3Error extends Error {
  $metadata?: { httpStatusCode?: number };
}

const REMEDIES: Record<string, string> = {
  NoSuchBucket: 'there is no such bucket: make it, or correct the URL',
  AccessDenied: 'these credentials may not: give them the permissions that docs/artifacts.md lists',
  InvalidAccessKeyId:
    'the access key is unknown there: correct AWS_ACCESS_KEY_ID, the profile or the endpoint',
  SignatureDoesNotMatch: 'the secret key is wrong: correct AWS_SECRET_ACCESS_KEY or the profile',
  ExpiredToken: 'the credentials have expired: renew them',
  CredentialsProviderError:
    'no credentials were found: give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or a role to this machine',
  PermanentRedirect: 'the bucket lies in another region: name it with ?region=',
  AuthorizationHeaderMalformed: 'the bucket lies in another region: name it with ?region=',
};

export function isMissing(error: unknown): boolean {
  const { name } = error as S3Error;
  return name === 'NoSuchKey' || name === 'NotFound';
}

export function s3Problem(location: string, what: string, error: unknown): StoreProblem {
  if (error instanceof StoreProblem) return error;
  const { name, message, $metadata } = error as S3Error;
  const status = $metadata?.httpStatusCode;
  // A bare status has no code to look up: HEAD answers no body.
  const code = status === 403 && !REMEDIES[name] ? 'AccessDenied' : name;
  if (/region is missing/i.test(message))
    return new StoreProblem('refused', `${location} could not ${what}: name its region with ?region=`, {
      cause: error,
    });
  const said = REMEDIES[code] ?? (message && message !== name ? `${name}: ${message}` : name);
  return new StoreProblem(faultOf(code, status, error), `${location} could not ${what}: ${said}`, {
    cause: error,
  });
}

function faultOf(code: string, status: number | undefined, error: unknown): StoreFault {
  if (isMissing(error)) return 'missing';
  if (REMEDIES[code]) return 'refused';
  return status !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429
    ? 'refused'
    : 'away';
}
