/** Where the redis-server program comes from: the machine, or Debian packages unpacked beside this checkout's dependencies. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unpackDebianPackage } from './debian-package.js';
import { MissingProgramError } from './errors.js';
import { findProgram, isExecutable, workspaceRoot } from './programs.js';

export interface RedisProgram {
  path: string;
  /** Where its libraries are, if not where the machine has them. */
  libraries?: string;
}

export interface FindRedisServerOptions {
  /** Looks at the machine's own directories; true unless told. */
  installed?: boolean;
  /** Where a fetched program is kept; in the checkout's node_modules/.cache unless told. */
  cacheDir?: string;
}

/** The program is in redis-tools, by the name of its other trade: it is told by its name what to be. The rest are its libraries. */
const PACKAGES = ['redis-tools', 'libjemalloc2', 'liblzf1', 'libatomic1'];
const REMEDY = 'install it (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis)';

/** Throws MissingProgramError where the program cannot be had. */
export async function findRedisServer(
  say: (progress: string) => void = () => undefined,
  options: FindRedisServerOptions = {},
): Promise<RedisProgram> {
  const found = options.installed === false ? undefined : findProgram('redis-server');
  if (found) return { path: found };
  const cacheDir = options.cacheDir ?? join(workspaceRoot(), 'node_modules', '.cache', 'hybrid');
  const folder = join(cacheDir, 'redis');
  const program = { path: join(folder, 'redis-server'), libraries: folder };
  if (isExecutable(program.path)) return program;
  if (!findProgram('apt-get') || !findProgram('dpkg-deb'))
    throw new MissingProgramError(`redis-server is not on this machine: ${REMEDY}`);
  try {
    await fetch(folder, cacheDir, say);
  } catch (cause) {
    const { stderr = '', message } = cause as Error & { stderr?: string };
    const reason = stderr.trim().split('\n').at(-1) || message;
    throw new MissingProgramError(
      `redis-server is not on this machine and apt-get could not fetch it (${reason}): ${REMEDY}`,
      { cause },
    );
  }
  return program;
}

async function fetch(folder: string, cacheDir: string, say: (progress: string) => void): Promise<void> {
  let draft: string | undefined;
  try {
    for (const name of PACKAGES) {
      await unpackDebianPackage(
        name,
        cacheDir,
        async (unpacked) => {
          draft ??= await mkdtemp(join(cacheDir, 'redis-draft-'));
          if (name === 'redis-tools')
            await rename(join(unpacked, 'usr/bin/redis-check-rdb'), join(draft, 'redis-server'));
          else await keepLibraries(join(unpacked, 'usr/lib'), draft);
        },
        say,
      );
    }
    await promisify(execFile)(join(draft!, 'redis-server'), ['--version'], {
      env: { ...process.env, LD_LIBRARY_PATH: draft },
    });
    await rename(draft!, folder);
  } finally {
    if (draft) await rm(draft, { recursive: true, force: true });
  }
}

/** From `usr/lib/<architecture>`, with the links by which they are looked for. */
async function keepLibraries(from: string, to: string): Promise<void> {
  for (const architecture of await readdir(from)) {
    const folder = join(from, architecture);
    for (const file of await readdir(folder)) {
      if (file.includes('.so')) await cp(join(folder, file), join(to, file), { verbatimSymlinks: true });
    }
  }
}
