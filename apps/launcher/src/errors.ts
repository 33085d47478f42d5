/** The platform cannot start or go on; the message says what to do and is all that the user sees. */
export class LaunchError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'LaunchError';
  }
}
