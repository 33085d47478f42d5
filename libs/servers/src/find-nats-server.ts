/** Where the nats-server program comes from: a setting, the machine, or the Debian package unpacked beside this checkout's dependencies. */
import { fromDebianPackage } from './debian-package.js';
import { MissingProgramError } from './errors.js';
import { findProgram, isExecutable } from './programs.js';

const REMEDY =
  'install it (Debian, Ubuntu: apt-get install nats-server; macOS: brew install nats-server) ' +
  'or set HYBRID_NATS_SERVER to the path of a nats-server of version 2.9 or newer';

export interface FindNatsServerOptions {
  /** Looks at the machine's own directories; true unless told. */
  installed?: boolean;
  /** Where a fetched program is kept; in the checkout's node_modules/.cache unless told. */
  cacheDir?: string;
}

/**
 * Path of a nats-server. Fetches the Debian package when the machine has none: it is unpacked, not installed, which
 * needs no root and starts no service on the machine. Throws MissingProgramError with the remedy.
 */
export async function findNatsServer(
  say: (progress: string) => void = () => undefined,
  options: FindNatsServerOptions = {},
): Promise<string> {
  const chosen = process.env['HYBRID_NATS_SERVER'];
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw new MissingProgramError(
      `HYBRID_NATS_SERVER is ${chosen}, which is not an executable file; mend or unset it`,
    );
  }
  const found = options.installed === false ? undefined : findProgram('nats-server');
  if (found) return found;
  return fromDebianPackage(
    { name: 'nats-server', program: 'usr/sbin/nats-server', remedy: REMEDY },
    say,
    options.cacheDir,
  );
}
