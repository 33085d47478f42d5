import { problem, type FieldError } from '@hybrid/contracts';

/** X-Attempt and X-Lease-Token, for requests whose body is no JSON. @throws ProblemError naming each that is missing or wrong. */
export function readAttempt(attempt = '', lease_token = ''): { attempt: number; lease_token: string } {
  const errors: FieldError[] = [];
  if (!/^[1-9]\d{0,6}$/.test(attempt))
    errors.push({ path: 'x-attempt', message: 'the header X-Attempt must be the attempt, from 1' });
  if (!lease_token)
    errors.push({ path: 'x-lease-token', message: 'the header X-Lease-Token must be that of the claim' });
  if (errors.length)
    throw problem('invalid', 'invalid_input', 'the headers do not say which attempt of a job it is', errors);
  return { attempt: Number(attempt), lease_token };
}
