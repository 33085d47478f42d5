import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packArtifact, type ArtifactStore } from '../files/artifact-store.js';
import { runStep } from '../run-step.js';
import { DummyExecutor } from '../sandbox/dummy-executor.js';
import type { Script } from '../sandbox/executor.js';
import { GitHome } from '../source/git-servers.fixtures.js';
import { stepBench } from '../step.fixtures.js';

/** Remembers the environment of the last script. */
class WatchedExecutor extends DummyExecutor {
  env: Record<string, string> = {};

  override run(...[script, ...rest]: Parameters<DummyExecutor['run']>): ReturnType<DummyExecutor['run']> {
    this.env = (script satisfies Script).env;
    return super.run(script, ...rest);
  }
}

describe('a plugin', () => {
  const bench = stepBench();
  let home: GitHome;
  let repository: string;
  beforeAll(async () => {
    home = await GitHome.open();
    ({ path: repository } = await home.repository('app', { a: '1' }));
  });
  afterAll(() => home.close());

  it('is told of the commit, and an artifact in its workspace has git run nothing on the machine', async () => {
    const mark = join(home.path, 'mark');
    const trap = join(home.path, 'trap');
    await mkdir(join(trap, '.git'), { recursive: true });
    await writeFile(join(trap, '.git/HEAD'), `${'1'.repeat(40)}\n`);
    await writeFile(
      join(trap, '.git/config'),
      `[core]\n\trepositoryformatversion = 1\n[extensions]\n\tpartialClone = origin\n[remote "origin"]\n` +
        `\turl = ext::touch ${mark}\n\tpromisor = true\n[protocol "ext"]\n\tallow = always\n`,
    );
    const file = join(home.path, 'trap.tar.gz');
    await packArtifact(trap, 'trap', file, new AbortController().signal);

    const executor = new WatchedExecutor();
    const context = bench.step('step.plugin', { image: 'some/plugin' }, { executor });
    context.job.spec.source = { repository };
    context.job.spec.artifacts_in = [{ execution_id: 'the-run', key: 'trap', dest: '.' }];
    const download: ArtifactStore['download'] = async (_, key) => ({
      ...{ key, file, isTree: true },
      ...{ size: 0, sha256: '0'.repeat(64) },
    });
    context.store = { ...context.store, download };
    expect(await runStep(context)).toMatchObject({ exitCode: 0 });
    expect(executor.env).toMatchObject({ CI_COMMIT_AUTHOR: 'T', CI_COMMIT_AUTHOR_EMAIL: 't@example.com' });
    expect(executor.env['CI_COMMIT_MESSAGE']).toBe('commit 0');
    expect(await readdir(home.path)).not.toContain('mark');
  });
});
