/** What a script that calls `hybrid` may rely on. */
export const EXIT = {
  success: 0,
  /** The run failed, the pipeline is invalid, the doctor found something, or the server refused the request for what it says. */
  failed: 1,
  wrongUsage: 2,
  /** The server can't be reached, can't answer now, or doesn't allow it. */
  notReachedOrAllowed: 3,
  cancelled: 4,
  /** Ctrl-C: what a shell expects of a program ended by SIGINT. */
  interrupted: 130,
} as const;

export const EXIT_CODES_HELP = `
Exit codes:
  0  success
  1  the run failed, the pipeline is invalid, or the server refused the request
  2  wrong usage
  3  the server cannot be reached or does not allow it
  4  the run was cancelled
  130  interrupted (a run that was watched goes on)`;
