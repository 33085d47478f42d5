import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { workspaceRoot } from '@hybrid/servers';
import { updateExampleRepository } from './example-repository.js';

describe('the example repository', () => {
  let parent: string;
  let source: string;
  let target: string;
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hybrid-example-'));
    source = join(parent, 'source');
    target = join(parent, 'target');
    await mkdir(join(source, '.hybrid'), { recursive: true });
    await writeFile(join(source, '.hybrid', 'pipeline.yaml'), 'name: x\n');
    await writeFile(join(source, 'old.txt'), 'old');
  });
  afterEach(() => rm(parent, { recursive: true, force: true }));
  const git = (...args: string[]) =>
    execFileSync('git', ['-C', target, ...args], { encoding: 'utf8' }).trim();

  it('gets a commit when the example changed, and none when it did not', async () => {
    const first = await updateExampleRepository(source, target);
    expect(first.changed).toBe(true);
    expect(await updateExampleRepository(source, target)).toEqual({ commit: first.commit, changed: false });
    await rm(join(source, 'old.txt'));
    await mkdir(join(source, 'dist'));
    await writeFile(join(source, 'dist', 'built.js'), '');
    const second = await updateExampleRepository(source, target);
    expect(second.changed).toBe(true);
    expect(git('ls-tree', '-r', '--name-only', second.commit)).toBe('.hybrid/pipeline.yaml');
    expect(git('rev-list', '--count', 'main')).toBe('2');
    expect(git('status', '--porcelain')).toBe('');
  });

  it('holds a service whose own tests pass', async () => {
    await updateExampleRepository(join(workspaceRoot(), 'examples', 'hello-service'), target);
    const { NODE_OPTIONS: _options, ...env } = process.env;
    const run = (...args: string[]) => execFileSync('npm', args, { cwd: target, encoding: 'utf8', env });
    expect(run('test')).toContain('greets by name');
    expect(run('run', 'build')).toContain('built hello-service');
    expect(run('run', 'smoke')).toContain('it says: Hello, pipeline!');
    expect(git('status', '--porcelain')).toBe('');
  });
});
