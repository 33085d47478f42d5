import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commitOnRef } from './commit-on-ref.js';
import { GitHome, GitHttpServer } from './git-servers.fixtures.js';
import { PLAIN_SOURCES } from './source-settings.js';

/** More than are fetched at first. */
const MANY = 120;

describe('a commit is on a branch or tag', () => {
  let home: GitHome;
  let server: GitHttpServer;
  let path: string;
  let repository: string;
  let commits: string[];
  let topic: string;

  beforeAll(async () => {
    home = await GitHome.open();
    ({ path, commits } = await home.repository('app', { a: 'one' }, { a: 'two' }));
    home.git(path, 'checkout', '--quiet', '-b', 'topic');
    [topic = ''] = await home.commit(path, { evil: 'yes' });
    home.git(path, 'checkout', '--quiet', 'main');
    commits.push(...(await home.commit(path, { a: 'three' })));
    home.git(path, 'tag', '--annotate', '--message', 'release', 'v1', commits[1]!);
    // Servers of the large hosts leave files out, and give any commit by its SHA.
    home.git(path, 'config', 'uploadpack.allowFilter', 'true');
    home.git(path, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
    server = new GitHttpServer(join(home.path, 'repos'), 'x-access-token:hunter22');
    repository = `${await server.start()}/app.git`;
  });
  afterAll(async () => {
    await server.stop();
    await home.close();
  });

  async function on(ref: string, commit?: string, from = repository): Promise<string> {
    const { scratch } = await home.folders();
    const credentials = { [new URL(repository).origin]: { password: 'TOKEN' } };
    const settings = { ...PLAIN_SOURCES, credentials, secret: async () => 'hunter22' };
    const source = { repository: from, ref, ...(commit !== undefined && { commit }) };
    const never = new AbortController().signal;
    try {
      return await commitOnRef({ source, scratch, settings, signal: never });
    } finally {
      expect(await readdir(scratch)).not.toContain('history');
    }
  }

  it('as its tip', async () => {
    expect(await on('main', commits[2])).toBe(commits[2]);
    expect(await on('refs/heads/main', commits[2])).toBe(commits[2]);
    expect(await on('main')).toBe(commits[2]);
  });

  it('in its history', async () => {
    expect(await on('main', commits[0])).toBe(commits[0]);
    expect(await on('v1', commits[0])).toBe(commits[0]);
    expect(await on('v1')).toBe(commits[1]);
    expect(await on('main', commits[0], path)).toBe(commits[0]);
  });

  it('or is refused, whatever else of the repository it is on', async () => {
    for (const ref of ['refs/heads/main', 'v1'])
      await expect(on(ref, topic)).rejects.toThrow(
        new RegExp(`${topic} is not known to be on ${ref} of http:\\S+/app.git: ${topic} is not on refs/`),
      );
    await expect(on('main', topic, path)).rejects.toThrow(/is not on refs\/heads\/main/);
    await expect(on('v1', commits[2])).rejects.toThrow(/is not on refs\/tags\/v1/);
    await expect(on('gone', commits[0])).rejects.toThrow(/there is no such branch or tag/);
    await expect(on('main', '0'.repeat(40))).rejects.toThrow(/is not on refs\/heads\/main/);
    await expect(on('main', commits[0]!.slice(0, 12))).rejects.toThrow(/give the whole SHA/);
    await expect(on('main', commits[0], `${repository}.none`)).rejects.toThrow(/git cannot tell: /);
  });

  it('and on the tag of the same name, where there are both', async () => {
    home.git(path, 'tag', 'topic', commits[0]!);
    try {
      expect(await on('topic', commits[0])).toBe(commits[0]);
      await expect(on('topic', topic)).rejects.toThrow(/is not on refs\/tags\/topic/);
      await expect(on('topic')).rejects.toThrow(/is not on refs\/tags\/topic/);
    } finally {
      home.git(path, 'tag', '--delete', 'topic');
    }
  });

  it('far back', async () => {
    const long = await home.repository('long');
    const one = 'commit refs/heads/main\ncommitter T <t@example.com> 1 +0000\ndata 0\n\n';
    execFileSync('git', ['fast-import', '--quiet'], { cwd: long.path, input: one.repeat(MANY) });
    const first = home.git(long.path, 'rev-list', '--max-parents=0', 'main');
    try {
      expect(await on('main', first, long.path)).toBe(first);
      expect(await on('main', first, repository.replace('app', 'long'))).toBe(first);
    } finally {
      await rm(long.path, { recursive: true });
    }
  });
});
