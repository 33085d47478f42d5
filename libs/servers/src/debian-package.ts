/** What comes out of a Debian package that is fetched and unpacked, not installed: no root, no service on the machine. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { MissingProgramError } from './errors.js';
import { findProgram, isExecutable, workspaceRoot } from './programs.js';

const run = promisify(execFile);
/** Package lists and a package are about 20 MB: a slow line needs minutes. */
const APT_TIMEOUT_MS = 300_000;

/**
 * Hands the unpacked tree to `keep`, which moves out of it what is wanted: the rest is removed. Needs apt-get and dpkg-deb;
 * rejects with what they say.
 */
export async function unpackDebianPackage(
  name: string,
  cacheDir: string,
  keep: (unpacked: string) => Promise<void>,
  say: (progress: string) => void = () => undefined,
): Promise<void> {
  await mkdir(cacheDir, { recursive: true });
  const draft = await mkdtemp(join(cacheDir, `${name}-`));
  const env = { ...process.env, LC_ALL: 'C' };
  // As root, apt would fetch as its own user, who can't write here.
  const download = ['-q', '-o', 'APT::Sandbox::User=root', 'download', name];
  try {
    say(`fetching the Debian package ${name} (none on this machine)`);
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
    const file = (await readdir(draft)).find((entry) => entry.endsWith('.deb'));
    if (!file) throw new Error('apt-get download left no package');
    await run('dpkg-deb', ['-x', file, 'unpacked'], { cwd: draft });
    await keep(join(draft, 'unpacked'));
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

export interface DebianProgram {
  /** Of the package. */
  name: string;
  /** Path in the package. */
  program: string;
  /** How else the program can be had. */
  remedy: string;
}

/** Path of the program in `cacheDir`, by default the checkout's node_modules/.cache. Throws MissingProgramError with the remedy. */
export async function fromDebianPackage(
  wanted: DebianProgram,
  say: (progress: string) => void,
  cacheDir = join(workspaceRoot(), 'node_modules', '.cache', 'hybrid'),
): Promise<string> {
  const { name, program, remedy } = wanted;
  const cached = join(cacheDir, basename(program));
  if (isExecutable(cached)) return cached;
  if (!findProgram('apt-get') || !findProgram('dpkg-deb')) {
    throw new MissingProgramError(`${name} is not on this machine: ${remedy}`);
  }
  try {
    await unpackDebianPackage(name, cacheDir, (unpacked) => rename(join(unpacked, program), cached), say);
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').at(-1) ?? message;
    throw new MissingProgramError(
      `${name} is not on this machine and apt-get could not fetch it (${reason}): ${remedy}`,
      { cause },
    );
  }
  return cached;
}
