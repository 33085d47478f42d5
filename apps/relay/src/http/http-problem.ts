/** A refusal as it is answered: problem+json (RFC 9457). */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';

  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly retryAfterSeconds?: number,
  ) {
    super(`${status} ${code}`);
  }
}

export function noRoom(detail: string): HttpProblem {
  return new HttpProblem(503, 'no_room', detail, 30);
}
