/** The platform cannot start or go on; the message says what to do and is all that the user sees. */
export class LaunchError extends Error {
  override readonly name = 'LaunchError';
}
