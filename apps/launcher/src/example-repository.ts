/** The demonstration repository: what stands in examples/hello-service, as commits of a real git repository. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { LaunchError } from './errors.js';

const IDENTITY = {
  GIT_AUTHOR_NAME: 'hybrid example',
  GIT_AUTHOR_EMAIL: 'example@hybrid.invalid',
  GIT_COMMITTER_NAME: 'hybrid example',
  GIT_COMMITTER_EMAIL: 'example@hybrid.invalid',
};

/** Brings the repository in `target` to the state of `source`, with a commit only if something changed. */
export async function updateExampleRepository(
  source: string,
  target: string,
): Promise<{ commit: string; changed: boolean }> {
  const git = async (...args: string[]) => {
    // Nobody's own settings: neither hooks nor signing nor another default branch.
    const { GIT_DIR: _dir, GIT_WORK_TREE: _tree, ...env } = process.env;
    const clean = {
      ...env,
      ...IDENTITY,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      LC_ALL: 'C',
    };
    return (
      await promisify(execFile)('git', ['-C', target, '-c', 'safe.directory=*', ...args], { env: clean })
    ).stdout.trim();
  };
  try {
    await mkdir(target, { recursive: true });
    await git('init', '--quiet', '--initial-branch=main');
    for (const name of await readdir(target)) {
      if (name !== '.git') await rm(join(target, name), { recursive: true, force: true });
    }
    // What building or testing the example in place leaves behind is not part of it.
    const left = new Set(['dist', 'node_modules'].map((name) => join(source, name)));
    await cp(source, target, { recursive: true, filter: (path) => !left.has(path) });
    await git('add', '--all');
    const changed = (await git('status', '--porcelain')) !== '';
    if (changed) await git('commit', '--quiet', '--message=The example as it comes with hybrid');
    return { commit: await git('rev-parse', 'HEAD'), changed };
  } catch (cause) {
    throw new LaunchError(
      `the example repository ${target} cannot be made (${(cause as Error).message.trim()}): delete it and start again, or start with --no-example`,
      { cause },
    );
  }
}
