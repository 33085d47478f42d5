import { MissingProgramError, ProcessFailedError } from '@hybrid/servers';
import { LaunchError } from './errors.js';
import { launch } from './launch.js';
import { terminalProgress } from './progress.js';
import { readSettings } from './settings.js';

// The terminal may go away before the launcher does; stopping in order matters more than saying so.
process.stdout.on('error', () => undefined);
const progress = terminalProgress((text) => void process.stdout.write(text));

let exitCode = 1;
try {
  exitCode = await launch(readSettings(process.argv.slice(2), process.env), progress);
} catch (error) {
  const expected = [LaunchError, MissingProgramError, ProcessFailedError].some(
    (kind) => error instanceof kind,
  );
  const { message, stack } = error as Error;
  progress.failure(expected ? message : (stack ?? message));
}
// Ends whatever was still on its way up.
process.exit(exitCode);
