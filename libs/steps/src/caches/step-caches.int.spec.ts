import type { CacheSpec, ClaimedJob } from '@hybrid/contracts';
import { openStore } from '@hybrid/stores';
import { startS3, type S3Server } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Masker } from '../output/masking.js';
import { ProcessExecutor } from '../sandbox/process-executor.js';
import { Secrets } from '../secrets/secrets.js';
import { runStep } from '../run-step.js';
import type { StepContext, StepResult } from '../step.js';
import type { CachePlace } from './cache-place.js';

describe.each(['directory', 's3'])('caches of steps, in a %s', (kind) => {
  let home: string;
  let place: CachePlace;
  let s3: S3Server;
  let number = 0;
  const before = { ...process.env };

  beforeAll(async () => {
    s3 = await startS3();
    Object.assign(process.env, s3.env);
  });
  afterAll(async () => {
    process.env = before;
    await s3.close();
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'hybrid-caches-'));
    const url = kind === 's3' ? s3.url(`caches-${++number}`) : `file://${home}/cache`;
    place = { store: await openStore(url), sharedBranches: ['main'] };
  });
  afterEach(() => rm(home, { recursive: true }));

  interface Ran extends StepResult {
    log: string;
  }

  async function run(
    commands: string[],
    caches: CacheSpec[],
    { files = {}, from = place }: { files?: Record<string, string>; from?: CachePlace | null } = {},
  ): Promise<Ran> {
    const folder = await mkdtemp(join(home, 'job-'));
    const [workspace, scratch] = [join(folder, 'workspace'), join(folder, 'scratch')];
    await mkdir(workspace);
    await mkdir(scratch);
    for (const [name, text] of Object.entries(files)) await writeFile(join(workspace, name), text);
    const lines: string[] = [];
    const step = { id: 's', name: 's', type: 'step.shell_exec', config: { commands } };
    // The workspace is laid out already: a source with a repository would be cloned.
    const spec = { step, caches };
    const job = { id: 'j', attempt: 1, run_id: null, pipeline_id: 'p', spec } as unknown as ClaimedJob;
    const context = {
      job,
      workspace,
      scratch,
      traceparent: '',
      executor: new ProcessExecutor(folder),
      caches: from ?? undefined,
      secrets: new Secrets(new Map()),
      masker: new Masker([]),
      log: (_: string, text: string) => lines.push(text),
      logRoom: async () => {},
      tellProgress: async () => {},
      signal: new AbortController().signal,
    } as unknown as StepContext;
    return { ...(await runStep(context)), log: lines.join('\n') };
  }

  const deps: CacheSpec = {
    key: 'deps-{{hashFiles "lock"}}',
    paths: ['deps', 'one-file'],
    restore_keys: ['deps-'],
  };
  const install = [
    'ls -R deps one-file 2>/dev/null || echo nothing',
    'mkdir -p deps/sub',
    'cat lock >> deps/sub/a',
    'echo f > one-file',
  ];

  it('are saved after success and found by the next job, which does not save them again', async () => {
    const first = await run(install, [deps], { files: { lock: '1' } });
    expect(first.log).toMatch(/cache miss: deps-[0-9a-f]{64}\n[^]*nothing[^]*cache saved: deps-/);
    expect(first.report).toBeUndefined();
    const second = await run(['cat deps/sub/a one-file'], [deps], { files: { lock: '1' } });
    expect(second.log).toMatch(/cache hit: deps-[0-9a-f]{64} \(\d+ bytes\)\n[^]*1f/);
    expect(second.log).not.toContain('cache saved');
    expect(second.report?.cache_hits).toEqual([expect.stringMatching(/^deps-[0-9a-f]{64}$/)]);
  });

  it('of another key are fallen back to by their beginning, the newest first, and saved under the new key', async () => {
    await run(install, [deps], { files: { lock: 'old ' } });
    await run(['mkdir -p deps && echo newest > deps/a'], [deps], { files: { lock: 'other' } });
    const third = await run(['cat deps/a'], [deps], { files: { lock: 'new' } });
    expect(third.log).toContain('newest');
    expect(third.log).toMatch(/cache saved: deps-/);
    expect(third.report?.cache_hits).toHaveLength(1);
  });

  it('are not saved by a step that failed', async () => {
    expect(await run([...install, 'exit 3'], [deps], { files: { lock: '1' } })).toMatchObject({
      exitCode: 3,
    });
    expect((await run(['true'], [deps], { files: { lock: '1' } })).log).toContain('cache miss');
  });

  it('that are damaged are a miss with a note, and replaced', async () => {
    await run(install, [deps], { files: { lock: '1' } });
    for await (const { key } of place.store.list('')) await damage(key);
    const second = await run(install, [deps], { files: { lock: '1' } });
    expect(second).toMatchObject({ exitCode: 0 });
    expect(second.log).toMatch(/cache miss: deps-[0-9a-f]{64} is there and cannot be used/);
    expect((await run(['cat one-file'], [deps], { files: { lock: '1' } })).log).toContain('cache hit');
  });

  it('saved at the same time under one key leave one of them, whole', async () => {
    const runs = [1, 2, 3].map((n) =>
      run([`sleep 0.3; mkdir deps; echo ${n} > deps/a; echo ${n} > one-file`], [deps]),
    );
    for (const result of await Promise.all(runs)) expect(result).toMatchObject({ exitCode: 0 });
    const { log } = await run(['echo "$(cat deps/a)=$(cat one-file)"'], [deps]);
    expect(log).toMatch(/1=1|2=2|3=3/);
  });

  it('hold no link that leads out, and say so', async () => {
    const result = await run(['mkdir deps', 'ln -s /etc/passwd deps/x'], [deps]);
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.log).toMatch(/is not saved: .*x is a link out of the folder/);
  });

  it('of paths outside the workspace are refused, and the home of this machine is left alone', async () => {
    await expect(run(['true'], [{ key: 'k', paths: ['../x'] }])).rejects.toThrow(/outside the workspace/);
    await expect(run(['true'], [{ key: 'k', paths: ['/etc'] }])).rejects.toThrow(/outside the workspace/);
    const mine = join(homedir(), '.hybrid-test-none');
    const result = await run(['true'], [{ key: 'k', paths: ['~/.hybrid-test-none'] }]);
    expect(result.log).toContain("is not cached: on the host it is this machine's own home");
    await expect(readdir(mine)).rejects.toThrow();
  });

  it('have keys of 600 characters at most, hashes included', async () => {
    const key = `${'x'.repeat(535)}-{{hashFiles "lock"}}`;
    const files = { lock: 'a' };
    expect((await run(['mkdir deps'], [{ ...deps, key }], { files })).log).toContain('cache saved');
    await expect(run(['true'], [{ ...deps, key: `x${key}` }], { files })).rejects.toThrow(
      'the key of a cache has 601 characters with its hashes in it, and may have 600: xxx',
    );
  });

  it('are left out where there is no place for them', async () => {
    const result = await run(install, [deps], { from: null, files: { lock: '1' } });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.log).toContain('caches are left out');
  });

  it('do not fail a step where their place is away', async () => {
    await writeFile(join(home, 'a-file'), '');
    const away = { ...place, store: await openStore(`file://${home}/a-file`) };
    const result = await run(install, [deps], { from: away, files: { lock: '1' } });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(result.log).toMatch(/is not saved: the directory \S+a-file could not/);
  });

  async function damage(key: string): Promise<void> {
    if (kind === 'directory') return truncate(join(home, 'cache', key), 100);
    const object = join(s3.directory, s3.bucket, `caches-${number}`, `${key}._S3rver_object`);
    const bytes = await readFile(object);
    await writeFile(object, Buffer.alloc(bytes.length, 'x'));
  }

  if (kind === 'directory')
    it('in a directory that is full: what was used longest ago goes', async () => {
      place.sizeLimit = 250_000;
      const spec = (key: string): CacheSpec => ({ key, paths: ['data'] });
      const make = ['head -c 100000 /dev/urandom > data'];
      const age = async (hours: number): Promise<void> => {
        const then = new Date(Date.now() - hours * 3_600_000);
        for await (const { key, modified } of place.store.list(''))
          if (Date.now() - modified.getTime() < 1_800_000) await utimes(join(home, 'cache', key), then, then);
      };
      await run(make, [spec('a')]);
      await age(3);
      await run(make, [spec('b')]);
      await age(2);
      // Used again, and so the youngest.
      expect((await run(['true'], [spec('a')])).log).toContain('cache hit');
      await run(make, [spec('c')]);
      expect((await run(['rm data'], [spec('a')])).log).toContain('cache hit');
      expect((await run(['true'], [spec('b')])).log).toContain('cache miss');
      expect((await run(['rm data'], [spec('c')])).log).toContain('cache hit');
    });

  it('keep links within', async () => {
    await run(['mkdir deps', 'echo x > deps/a', 'ln -s a deps/b'], [deps]);
    expect((await run(['readlink deps/b; cat deps/b'], [deps])).log).toMatch(/a\nx/);
  });
});
