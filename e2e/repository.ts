import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Makes a git repository with these files in one commit; answers its path and the commit. */
export async function makeRepository(
  path: string,
  files: Record<string, string>,
): Promise<{ path: string; commit: string }> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  const git = (...args: string[]) =>
    run('git', ['-C', path, '-c', 'user.name=test', '-c', 'user.email=test@localhost', ...args]);
  await run('git', ['init', '--quiet', '--initial-branch=main', path]);
  await git('add', '--all');
  await git('commit', '--quiet', '--message', 'first');
  const { stdout } = await git('rev-parse', 'HEAD');
  return { path, commit: stdout.trim() };
}
