/** Above 400 lines, as all of it shares the git servers and repositories, which take seconds to make. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { awakeMs, eventually } from '@hybrid/testing';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkOut } from './git-checkout.js';
import { GitHome, GitHttpServer, GitSshServer } from './git-servers.fixtures.js';
import { PLAIN_SOURCES, type SourceSettings } from './source-settings.js';

const installed = (program: string, ...args: string[]): boolean => {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const never = new AbortController().signal;

describe('a checkout', () => {
  let home: GitHome;
  let server: GitHttpServer;
  let origin: string;
  let commits: string[];
  const secrets: Record<string, string> = { TOKEN: 'hunter22', WRONG: 'hunter33' };

  beforeAll(async () => {
    home = await GitHome.open();
    ({ commits } = await home.repository('app', { a: 'one' }, { a: 'two' }, { a: 'three', 'b/c': 'x' }));
    server = new GitHttpServer(join(home.path, 'repos'), 'x-access-token:hunter22');
    origin = await server.start();
  });
  afterAll(async () => {
    await server.stop();
    await home.close();
  });

  async function tree(
    source: { repository: string; commit?: string; ref?: string },
    more: Partial<SourceSettings> = {},
    signal = never,
  ): Promise<{ workspace: string; scratch: string; commit: string; said: string[]; history: number }> {
    const folders = await home.folders();
    const said: string[] = [];
    const settings = { ...PLAIN_SOURCES, secret: async (name: string) => secrets[name]!, ...more };
    const commit = await checkOut({
      source,
      ...folders,
      settings,
      log: (text) => said.push(text),
      signal,
    });
    const history = Number(home.git(folders.workspace, 'rev-list', '--count', 'HEAD'));
    return { ...folders, commit, said, history };
  }
  const withToken = (more: Partial<SourceSettings> = {}): Partial<SourceSettings> => ({
    credentials: { [origin]: { password: 'TOKEN' } },
    ...more,
  });
  const repository = (name = 'app'): string => `${origin}/${name}.git`;

  describe('over HTTP with a password', () => {
    it('takes the secret of the host, and leaves it nowhere', async () => {
      // A git on the path that writes down how it is called.
      const bin = join(home.path, 'bin');
      const calls = join(home.path, 'calls');
      await mkdir(bin);
      const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
      await writeFile(join(bin, 'git'), `#!/bin/sh\necho "$@" >>'${calls}'\nexec ${real} "$@"\n`);
      await chmod(join(bin, 'git'), 0o755);
      const path = process.env['PATH'];
      process.env['PATH'] = `${bin}:${path}`;
      try {
        const one = await tree({ repository: repository(), ref: 'main' }, withToken());
        expect(one).toMatchObject({ commit: commits[2], history: 1 });
        expect(await readFile(join(one.workspace, 'b/c'), 'utf8')).toBe('x');
        const user = repository().replace('//', '//x-access-token:hunter22@');
        const two = await tree({ repository: user, commit: commits[1] });
        expect(two.commit).toBe(commits[1]);
        for (const { workspace, scratch } of [one, two]) {
          const kept = execFileSync('grep', ['-rl', 'hunter22', workspace, scratch, calls, '--'], {
            encoding: 'utf8',
          }).trim();
          expect(kept).toBe('');
        }
      } catch (error) {
        // grep's way to say that there is nothing.
        if ((error as { status?: number }).status !== 1) throw error;
      } finally {
        process.env['PATH'] = path;
      }
      expect(await readFile(calls, 'utf8')).toContain('fetch --quiet');
    });

    it('says that it is refused, without the password', async () => {
      const wrong = tree({ repository: repository() }, { credentials: { [origin]: { password: 'WRONG' } } });
      await expect(wrong).rejects.toThrow(
        /HEAD of http:\S+\/app\.git cannot be checked out: .*Authentication failed/s,
      );
      await expect(wrong).rejects.not.toThrow(/hunter/);
      const own = tree({ repository: repository().replace('//', '//me:hunter44@') });
      await expect(own).rejects.toThrow(/cannot be checked out/);
      await expect(own).rejects.not.toThrow(/hunter/);
      const withAt = tree({ repository: repository().replace('//', '//me:p@hunter44@') });
      await expect(withAt).rejects.toThrow(
        /HEAD of http:\/\/127\.0\.0\.1:\d+\/app\.git cannot be checked out/,
      );
    });

    it('gives it to no other host', async () => {
      const other = new GitHttpServer(join(home.path, 'repos'), 'a:b');
      const elsewhere = await other.start();
      try {
        await expect(tree({ repository: `${elsewhere}/app.git` }, withToken())).rejects.toThrow(
          /cannot be checked out/,
        );
        expect(other.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
      } finally {
        await other.stop();
      }
    });
  });

  it('has as much history as is wanted, and finds shortened commits', async () => {
    const { path } = { path: join(home.path, 'repos/app.git') };
    expect((await tree({ repository: `file://${path}` })).history).toBe(1);
    expect((await tree({ repository: `file://${path}` }, { depth: 2 })).history).toBe(2);
    expect((await tree({ repository: path }, { depth: 0 })).history).toBe(3);
    expect((await tree({ repository: path, commit: commits[0]!.slice(0, 9) })).commit).toBe(commits[0]);
    await expect(tree({ repository: path, commit: 'deadbeef' })).rejects.toThrow(
      /deadbeef of .* cannot be checked out/,
    );
  });

  describe('with mirrors', () => {
    it('fetches a commit once for all steps, from then on without asking', async () => {
      const settings = withToken({ mirrors: join(home.path, 'mirrors') });
      const before = server.fetches;
      const source = { repository: repository(), commit: commits[1], ref: 'main' };
      const trees = await Promise.all(Array.from({ length: 8 }, () => tree(source, settings)));
      expect(trees.map(({ commit }) => commit)).toEqual(Array(8).fill(commits[1]));
      expect(server.fetches - before).toBe(1);
      const asked = server.requests.length;
      expect(await tree(source, settings)).toMatchObject({ commit: commits[1], history: 1 });
      expect(server.requests.length).toBe(asked);
    });

    it('sees a branch move', async () => {
      const settings = withToken({ mirrors: join(home.path, 'mirrors') });
      const { path, commits: old } = await home.repository('moving', { a: '1' });
      expect((await tree({ repository: repository('moving'), ref: 'main' }, settings)).commit).toBe(old[0]);
      const [moved] = await home.commit(path, { a: '2' });
      expect((await tree({ repository: repository('moving'), ref: 'main' }, settings)).commit).toBe(moved);
    });

    it('does without one that is broken, and makes it anew', async () => {
      const mirrors = join(home.path, 'broken');
      const settings = withToken({ mirrors });
      const source = { repository: repository(), commit: commits[2] };
      await tree(source, settings);
      const [name = ''] = await readdir(mirrors);
      for (const pack of await readdir(join(mirrors, name, 'objects')))
        if (pack.length === 2) await writeFile(join(mirrors, name, 'objects', pack, 'x'), '');
      execFileSync('sh', ['-c', `find '${join(mirrors, name)}/objects' -type f -delete`]);
      expect((await tree(source, settings)).commit).toBe(commits[2]);
      const before = server.fetches;
      expect((await tree(source, settings)).commit).toBe(commits[2]);
      expect((await tree(source, settings)).commit).toBe(commits[2]);
      expect(server.fetches - before).toBeLessThanOrEqual(1);
    });

    it('says what the server says when there is no such commit', async () => {
      const settings = withToken({ mirrors: join(home.path, 'mirrors') });
      await expect(tree({ repository: repository(), ref: 'nowhere' }, settings)).rejects.toThrow(
        /nowhere of http:.* cannot be checked out: .*nowhere/,
      );
    });
  });

  describe('of a server that never answers', () => {
    let mute: GitHttpServer;
    let address: string;
    beforeEach(async () => {
      mute = new GitHttpServer(join(home.path, 'repos'));
      mute.silent = true;
      address = await mute.start();
    });
    afterEach(() => mute.stop());

    function step(settings: Partial<SourceSettings>): { ended: Promise<string>; cancel(): Promise<number> } {
      const controller = new AbortController();
      const ended = tree({ repository: `${address}/app.git` }, settings, controller.signal).then(
        ({ commit }) => commit,
        (error: Error) => error.message,
      );
      /** Milliseconds until it has ended. */
      const cancel = (): Promise<number> =>
        awakeMs(async () => {
          controller.abort(new Error('cancelled'));
          expect(await ended).toBe('cancelled');
        });
      return { ended, cancel };
    }
    /** Steps that have come as far as to fetch, or to wait for another's fetch. */
    const steps = async (): Promise<number> => {
      const jobs = (await readdir(home.path)).filter((name) => name.startsWith('job-'));
      const configs = jobs.map((job) => readFile(join(home.path, job, 'workspace/.git/config'), 'utf8'));
      const read = await Promise.allSettled(configs);
      return read.filter((one) => one.status === 'fulfilled' && one.value.includes(address)).length;
    };
    const noneIsLeft = (): Promise<void> =>
      eventually(() =>
        expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain(address),
      );
    // Far below the ten seconds of grace that a git which does not listen has.
    const SOON_MS = 5_000;

    it('ends with its step', async () => {
      const only = step({});
      await eventually(() => expect(mute.requests).toHaveLength(1));
      expect(await only.cancel()).toBeLessThan(SOON_MS);
      await noneIsLeft();
    });

    it('ends with its step when it makes a mirror or waits for one, and the next goes on', async () => {
      const settings = { mirrors: join(home.path, 'silent') };
      const maker = step(settings);
      await eventually(() => expect(mute.requests).toHaveLength(1));
      const waiting = step(settings);
      const next = step(settings);
      await eventually(async () => expect(await steps()).toBe(3));
      expect(await waiting.cancel()).toBeLessThan(SOON_MS);
      expect(mute.requests).toHaveLength(1);
      mute.silent = false;
      expect(await maker.cancel()).toBeLessThan(SOON_MS);
      expect(await next.ended).toBe(commits[2]);
      await noneIsLeft();
    });
  });

  describe('with submodules', () => {
    async function superproject(name: string, url: string): Promise<string> {
      const { path } = await home.repository(name, { a: '1' });
      const library = join(home.path, 'repos/library.git');
      home.git(path, 'submodule', '--quiet', 'add', library, 'lib');
      home.git(path, 'config', '--file', '.gitmodules', 'submodule.lib.url', url);
      home.git(path, 'commit', '--quiet', '--all', '--message', 'a submodule');
      return repository(name);
    }
    beforeAll(async () => {
      await home.repository('library', { l: '1' }, { l: '2' });
    });

    it('fetches them with the credentials of their host', async () => {
      const url = await superproject('super', '../library.git');
      const { workspace } = await tree({ repository: url }, withToken({ submodules: true }));
      expect(await readFile(join(workspace, 'lib/l'), 'utf8')).toBe('2');
    });

    it('says so when they are left out', async () => {
      const { said, workspace } = await tree({ repository: repository('super') }, withToken());
      expect(said).toEqual([expect.stringMatching(/submodules, which are left out: .*git-submodules/)]);
      expect(await readdir(join(workspace, 'lib'))).toEqual([]);
    });

    it('takes none of this machine, however it is spelled, when the repository is not of this machine', async () => {
      const library = join(home.path, 'repos/library.git');
      for (const [n, url] of [library, `file://${library}`, `ext::sh -c touch% ${home.path}/run`].entries()) {
        const hostile = await superproject(`hostile-${n}`, url);
        await expect(tree({ repository: hostile }, withToken({ submodules: true }))).rejects.toThrow(
          /cannot be checked out: .*(not allowed|not supported|forbidden|disallowed)/is,
        );
      }
      expect(await readdir(home.path)).not.toContain('run');
    });

    it('gives another host nothing', async () => {
      const other = new GitHttpServer(join(home.path, 'repos'));
      const elsewhere = await other.start();
      try {
        const url = await superproject('two-hosts', `${elsewhere}/library.git`);
        const { workspace } = await tree({ repository: url }, withToken({ submodules: true }));
        expect(await readdir(join(workspace, 'lib'))).toContain('l');
        expect(other.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
      } finally {
        await other.stop();
      }
    });
  });

  describe('of files in Git LFS', () => {
    const lfs = installed('git', 'lfs', 'version');
    const content = Buffer.from('a large file');
    const oid = createHash('sha256').update(content).digest('hex');
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${content.length}\n`;
    beforeAll(async () => {
      const { path } = await home.repository('large', { plain: 'x' });
      await writeFile(join(path, '.gitattributes'), '*.bin filter=lfs diff=lfs merge=lfs -text\n');
      await writeFile(join(path, 'a.bin'), pointer);
      const plain = ['clean=', 'process=', 'required=false'].flatMap((one) => ['-c', `filter.lfs.${one}`]);
      home.git(path, ...plain, 'add', '.');
      home.git(path, ...plain, 'commit', '--quiet', '--message', 'large');
    });

    (lfs ? it : it.skip)(
      `fetches them${lfs ? '' : ' (skipped: git-lfs is not on this machine)'}`,
      async () => {
        server.objects.set(oid, content);
        const { workspace } = await tree({ repository: repository('large') }, withToken());
        expect(await readFile(join(workspace, 'a.bin'))).toEqual(content);
      },
    );

    (lfs ? it.skip : it)(
      `says that they stay pointers${lfs ? ' (skipped: git-lfs is here)' : ''}`,
      async () => {
        const { said, workspace } = await tree({ repository: repository('large') }, withToken());
        expect(said).toEqual([expect.stringMatching(/1 file\(s\) are kept in Git LFS and stay pointers/)]);
        expect(await readFile(join(workspace, 'a.bin'), 'utf8')).toBe(pointer);
      },
    );
  });

  it('runs nothing that a repository brings', async () => {
    const { path } = await home.repository('trap', { 'inner.git/HEAD': 'ref: refs/heads/main\n' });
    const mark = join(home.path, 'trapped');
    const program = join(home.path, 'trap.sh');
    await writeFile(program, `#!/bin/sh\ntouch '${mark}'\nexec "$@"\n`);
    await chmod(program, 0o755);
    for (const [key, value] of Object.entries({
      'core.fsmonitor': program,
      'core.hooksPath': home.path,
      'core.sshCommand': program,
      'core.pager': program,
      'core.gitProxy': program,
      'credential.helper': program,
      'uploadpack.packObjectsHook': program,
      'filter.evil.smudge': `${program} cat`,
      'alias.fetch': `!${program}`,
    }))
      home.git(path, 'config', key, value);
    await mkdir(join(path, '.git/hooks'), { recursive: true });
    for (const hook of ['post-checkout', 'reference-transaction'])
      await writeFile(join(path, '.git/hooks', hook), `#!/bin/sh\ntouch '${mark}'\n`, { mode: 0o755 });
    const files = {
      '.gitattributes': '* filter=evil\n',
      '.gitconfig': `[core]\n\tfsmonitor = ${program}\n`,
      'inner.git/config': `[core]\n\tbare = true\n\tfsmonitor = ${program}\n`,
      'inner.git/objects/x': '',
      'inner.git/refs/x': '',
    };
    await home.commit(path, files).catch(() => home.commit(path));
    // The trap is armed: whoever works in the repository itself steps into it.
    home.git(path, 'status');
    expect(await readdir(home.path)).toContain('trapped');
    await rm(mark);
    await tree({ repository: path }, { submodules: true });
    await tree({ repository: `file://${path}` });
    await tree(
      { repository: repository('trap') },
      withToken({ mirrors: join(home.path, 'mirrors'), submodules: true }),
    );
    expect(await readdir(home.path)).not.toContain('trapped');
  });

  it.each([
    '/srv/app.git',
    'app',
    '../app',
    '~/app',
    'file:///srv/app.git',
    'FILE:///srv/app.git',
    './host:x',
  ])('refuses the path %s where the machine is not to be cloned from', async (path) => {
    await expect(tree({ repository: path }, { allowLocal: false })).rejects.toThrow(
      /is a path of the agent's own machine.*--allow-local-repositories/,
    );
  });

  it.each([
    ['--upload-pack=touch', undefined, /is refused/],
    ['ext::sh -c id', undefined, /is refused/],
    ['http://x\nurl=y', undefined, /is refused/],
    ['http://me:hunter22@x\n', undefined, /"http:\/\/x\\n" is refused/],
    ['/r', '--upload-pack=x', /is not a branch or tag/],
    ['/r', 'a:b', /is not a branch or tag/],
    ['/r', '+refs/heads/x', /is not a branch or tag/],
  ])('refuses the repository %j and the ref %j', async (url, ref, message) => {
    await expect(tree({ repository: url, ref })).rejects.toThrow(message);
  });

  const ssh = installed('ssh', '-V') ? describe : describe.skip;
  ssh(`over ssh${installed('ssh', '-V') ? '' : ' (skipped: there is no ssh on this machine)'}`, () => {
    let sshd: GitSshServer;
    let at: { port: number; address: string };
    beforeAll(async () => {
      sshd = new GitSshServer(join(home.path, 'repos'));
      at = await sshd.start();
      secrets['KEY'] = sshd.clientKey;
    });
    afterAll(() => sshd.stop());

    const withKey = async (hosts: string): Promise<Partial<SourceSettings>> => {
      const knownHosts = join(home.path, `known-hosts-${Math.abs(hosts.length)}`);
      await writeFile(knownHosts, hosts);
      return { knownHosts, credentials: { '127.0.0.1': { 'ssh-key': 'KEY' } } };
    };

    it('takes the key of the host, and removes it', async () => {
      const settings = await withKey(sshd.knownHost(at.port));
      const { commit, scratch } = await tree({ repository: `${at.address}/app.git` }, settings);
      expect(commit).toBe(commits[2]);
      expect((await readdir(scratch)).filter((name) => name.startsWith('ssh-key'))).toEqual([]);
    });

    it('does not believe a host that it does not know, unless told', async () => {
      const settings = await withKey('');
      const repository = `${at.address}/app.git`;
      await expect(tree({ repository }, settings)).rejects.toThrow(
        /Host key verification failed[^]*not in known_hosts: add it \(ssh-keyscan\), or set git-accept-new-hosts/,
      );
      expect((await tree({ repository }, { ...settings, acceptNewHosts: true })).commit).toBe(commits[2]);
      expect((await tree({ repository }, settings)).commit).toBe(commits[2]);
    });

    it('without a key says that it is not let in', async () => {
      const { knownHosts } = await withKey(sshd.knownHost(at.port));
      await expect(tree({ repository: `${at.address}/app.git` }, { knownHosts })).rejects.toThrow(
        /Permission denied \(publickey\)/,
      );
    });
  });
});
