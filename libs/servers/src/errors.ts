/** A process ended, or did not say that it is ready, when it should have served. */
export class ProcessFailedError extends Error {
  constructor(
    readonly processName: string,
    what: string,
    /** Its last lines of output. */
    readonly tail: string[],
    log: string | undefined,
    options?: ErrorOptions,
  ) {
    const output = tail.length > 0 ? `\n${tail.map((line) => `  | ${line}`).join('\n')}` : '';
    super(`${processName} ${what}${log ? ` (its log: ${log})` : ''}${output}`, options);
    this.name = 'ProcessFailedError';
  }
}

/** A server's program is not on this machine and could not be put there. The message holds the remedy. */
export class MissingProgramError extends Error {
  override readonly name = 'MissingProgramError';
}
