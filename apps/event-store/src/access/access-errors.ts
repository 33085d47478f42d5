/** The two refusals of access control; the gRPC edge gives each its status. */

/** No credentials came, or wrong ones. */
export class NotAuthenticatedError extends Error {
  override readonly name = 'NotAuthenticatedError';
}

/** Who they are is known, but they may not do this. */
export class AccessDeniedError extends Error {
  override readonly name = 'AccessDeniedError';
}
