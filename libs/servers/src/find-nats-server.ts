/** Where the nats-server program comes from: a setting, the machine, or the Debian package unpacked beside this checkout's dependencies. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MissingProgramError } from './errors.js';
import { findProgram, isExecutable, workspaceRoot } from './programs.js';

const run = promisify(execFile);
/** Package lists and the package itself are about 20 MB: a slow line needs minutes. */
const APT_TIMEOUT_MS = 300_000;

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
  const { installed = true, cacheDir = join(workspaceRoot(), 'node_modules', '.cache', 'hybrid') } = options;
  const chosen = process.env['HYBRID_NATS_SERVER'];
  if (chosen) {
    if (isExecutable(chosen)) return chosen;
    throw new MissingProgramError(
      `HYBRID_NATS_SERVER is ${chosen}, which is not an executable file; mend or unset it`,
    );
  }
  const found = installed ? findProgram('nats-server') : undefined;
  if (found) return found;
  const cached = join(cacheDir, 'nats-server');
  if (isExecutable(cached)) return cached;
  if (!findProgram('apt-get') || !findProgram('dpkg-deb')) {
    throw new MissingProgramError(`nats-server is not on this machine: ${REMEDY}`);
  }
  try {
    await unpackDebianPackage(cacheDir, cached, say);
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

async function unpackDebianPackage(
  cacheDir: string,
  target: string,
  say: (progress: string) => void,
): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, 'nats-'));
  const env = { ...process.env, LC_ALL: 'C' };
  // As root, apt would fetch as its own user, who can't write here.
  const download = ['-q', '-o', 'APT::Sandbox::User=root', 'download', 'nats-server'];
  try {
    say('fetching the Debian package nats-server (none on this machine)');
    try {
      await run('apt-get', download, { cwd: draft, env, timeout: APT_TIMEOUT_MS });
    } catch {
      say('updating the lists of Debian packages (in a private directory)');
      // A minimal image has no lists or old ones. Private lists need no root and change nothing on the machine.
      const state = join(draft, 'apt');
      await mkdir(join(state, 'lists', 'partial'), { recursive: true });
      await mkdir(join(state, 'archives', 'partial'), { recursive: true });
      const own = [
        '-o',
        `Dir::State::lists=${state}/lists`,
        '-o',
        `Dir::Cache=${state}`,
        '-o',
        'APT::Sandbox::User=root',
      ];
      await run('apt-get', ['-q', ...own, 'update'], { cwd: draft, env, timeout: APT_TIMEOUT_MS });
      await run('apt-get', [...own, ...download], { cwd: draft, env, timeout: APT_TIMEOUT_MS });
    }
    const file = (await readdir(draft)).find((name) => name.endsWith('.deb'));
    if (!file) throw new Error('apt-get download left no package');
    await run('dpkg-deb', ['-x', file, 'unpacked'], { cwd: draft });
    await rename(join(draft, 'unpacked', 'usr', 'sbin', 'nats-server'), target);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
