/** What kind of refusal it is; the gateway turns it into the HTTP status. */
export type ProblemKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'too_large'
  | 'too_many'
  | 'unavailable'
  | 'internal';

/** One thing wrong with the input: where, and what. Lines and columns count from 1 and are there for text input only. */
export interface FieldError {
  path: string;
  message: string;
  /** Where the input is more than one text: which of them. */
  file?: string;
  line?: number;
  column?: number;
}

/** The error envelope of every reply over NATS, and the body of every HTTP error (RFC 9457). */
export interface Problem {
  kind: ProblemKind;
  /** Stable, for machines: `lease_lost`. */
  code: string;
  /** For people: what, where, how to mend it. Never a secret. */
  detail: string;
  errors?: FieldError[];
}

export const HTTP_STATUS: Record<ProblemKind, number> = {
  invalid: 422,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  unavailable: 503,
  internal: 500,
};

/** Thrown where a call ends in a refusal; carries the whole envelope. */
export class ProblemError extends Error {
  constructor(
    readonly problem: Problem,
    options?: ErrorOptions,
  ) {
    super(`${problem.code}: ${problem.detail}`, options);
    this.name = 'ProblemError';
  }
}

export function problem(
  kind: ProblemKind,
  code: string,
  detail: string,
  errors?: FieldError[],
): ProblemError {
  return new ProblemError({ kind, code, detail, ...(errors && { errors }) });
}
