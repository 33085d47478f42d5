/** Every way in which a command ends badly, with its exit code. The message is all that the user sees. */
import type { FieldError } from '@hybrid/contracts';
import { EXIT } from './exit-codes.js';

export class CommandError extends Error {
  constructor(
    message: string,
    readonly exitCode: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CommandError';
  }
}

export class UsageError extends CommandError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.wrongUsage, options);
    this.name = 'UsageError';
  }
}

/** No answer, or one that says that there is none now. Trying again later may help. */
export class UnreachableError extends CommandError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.notReachedOrAllowed, options);
    this.name = 'UnreachableError';
  }
}

/** The server understood and refused. Trying again does not help. */
export class RefusedError extends CommandError {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly errors: FieldError[],
  ) {
    super(detail, status === 401 || status === 403 ? EXIT.notReachedOrAllowed : EXIT.failed);
    this.name = 'RefusedError';
  }
}
