/** Finds strace, which records what a process writes and syncs; installs Debian's package where only that is missing. */
import { spawnSync } from 'node:child_process';

/** Why there is no strace to use, or undefined when there is. */
export function missingStrace(): string | undefined {
  if (process.platform !== 'linux') return 'strace runs on Linux only';
  if (!runs('strace', ['-V']) && process.getuid?.() === 0) {
    const quiet = { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const;
    spawnSync('apt-get', ['update', '-qq'], quiet);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'strace'], quiet);
  }
  if (!runs('strace', ['-V']))
    return 'there is no strace: install it (Debian, Ubuntu: apt-get install strace)';
  return runs('strace', ['-qq', '-o', '/dev/null', 'true'])
    ? undefined
    : 'this user or container may not trace';
}

function runs(program: string, args: string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
