/** Where the nats-server program comes from: a setting, the machine, or the Debian package unpacked beside this checkout's dependencies. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackDebianPackage } from './debian-package.js';
import { MissingProgramError } from './errors.js';
import { findProgram, isExecutable, workspaceRoot } from './programs.js';

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
  const cached = join(cacheDir, 'nats-server');
  if (isExecutable(cached)) return cached;
  if (!findProgram('apt-get') || !findProgram('dpkg-deb')) {
    throw new MissingProgramError(`nats-server is not on this machine: ${REMEDY}`);
  }
  try {
    await unpackDebianPackage(
      'nats-server',
      cacheDir,
      (unpacked) => rename(join(unpacked, 'usr', 'sbin', 'nats-server'), cached),
      say,
    );
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').at(-1) ?? message;
    throw new MissingProgramError(
      `nats-server is not on this machine and apt-get could not fetch it (${reason}): ${REMEDY}`,
      {
        cause,
      },
    );
  }
  return cached;
}
