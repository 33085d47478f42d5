import { expect, it } from '@jest/globals';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StepProblem } from '../step.js';
import { type DockerExecutor } from './docker-executor.js';
import type { OutputSink, Script } from './executor.js';
import { ProcessExecutor } from './process-executor.js';
import { describeWithEngine, type StepBench } from '../../test/step-bench.js';

async function scriptOf(bench: StepBench, text: string, rest: Partial<Script> = {}): Promise<Script> {
  for (const folder of ['workspace', 'scratch']) await mkdir(join(bench.folder, folder), { recursive: true });
  return {
    jobId: 'job',
    attempt: 1,
    text,
    env: {},
    workspace: join(bench.folder, 'workspace'),
    scratch: join(bench.folder, 'scratch'),
    workDir: '/workspace',
    network: 'none',
    progressFrom: () => undefined,
    ...rest,
  };
}

const still = new AbortController().signal;

async function run(
  bench: StepBench,
  script: Script,
): Promise<{ text: string } & Awaited<ReturnType<DockerExecutor['run']>>> {
  let text = '';
  const sink: OutputSink = async (_, chunk) => void (text += chunk.toString());
  const finished = await bench.executor().run(script, sink, () => undefined, still);
  return { ...finished, text };
}

await describeWithEngine('files of a container', (bench) => {
  it.each([
    ['root', {}, '/root'],
    ['a user', { user: '1000:1000' }, '/hybrid/home'],
    ['a root that can only be read', { read_only: true }, '/hybrid/home'],
  ])('come in before and out after: for %s', async (_, limits, home) => {
    const from = join(bench.folder, 'kept');
    await mkdir(join(from, 'deep'), { recursive: true });
    await writeFile(join(from, 'deep', 'file'), 'kept');
    const script = await scriptOf(
      bench,
      `cd /workspace && cat a/b/deep/file a/single ~/.cache/x/deep/file && echo && echo "$(cd ~ && pwd)"
       echo new > ~/.cache/x/new; echo new > ~/.cache/beside; echo new > a/b/new; echo k > "$HYBRID_STEPS"
       ln -s /etc/passwd a/link; mkdir /tmp/t; echo t > /tmp/t/t`,
      {
        limits,
        ownFiles: ['HYBRID_STEPS'],
        preload: [
          { from, to: 'a/b' },
          { from, to: '~/.cache/x' },
          { from: join(from, 'deep', 'file'), to: '/workspace/a/single' },
        ],
      },
    );
    const finished = await run(bench, script);
    try {
      expect(finished.text).toBe(`keptkeptkept\n${home}\n`);
      expect(finished.exitCode).toBe(0);
      const folder = await finished.collect('~/.cache/x');
      expect(await readdir(folder ?? '')).toEqual(['deep', 'new']);
      expect(await readFile((await finished.collect('/workspace/a/b/new')) ?? '', 'utf8')).toBe('new\n');
      expect(await finished.collect('a/none')).toBeUndefined();
      expect(await finished.ownFile('HYBRID_STEPS')).toBe('k\n');
      await expect(finished.collect('a')).rejects.toThrow(/leads out of it/);
    } finally {
      await finished.dispose();
    }
    expect(await bench.leftovers()).toEqual([]);
  });

  it('may be put anywhere where the root can be written, and nowhere else', async () => {
    const from = join(bench.folder, 'kept');
    await mkdir(from);
    await writeFile(join(from, 'file'), 'kept');
    const preload = [{ from, to: '/opt/some/where' }];
    const finished = await run(bench, await scriptOf(bench, 'cat /opt/some/where/file', { preload }));
    await finished.dispose();
    expect(finished.text).toBe('kept');
    const refused = await scriptOf(bench, 'true', { preload, limits: { read_only: true } });
    await expect(run(bench, refused)).rejects.toThrow(/^\/opt\/some\/where cannot be put into the container/);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('may come with an environment larger than an address of HTTP', async () => {
    const env = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`LARGE_${i}`, 'x'.repeat(100_000)]));
    const finished = await run(bench, await scriptOf(bench, 'echo ${#LARGE_11}', { env }));
    await finished.dispose();
    expect(finished.text).toBe('100000\n');
  });

  it('need the shell that is asked for', async () => {
    await expect(run(bench, await scriptOf(bench, 'true', { shell: 'bash' }))).rejects.toThrow(/has no bash/);
    expect(await bench.leftovers()).toEqual([]);
  });

  it('on the host: the workspace alone is written, the rest is there as it is', async () => {
    const from = join(bench.folder, 'kept');
    await mkdir(from);
    await writeFile(join(from, 'file'), 'kept');
    const said: string[] = [];
    const script = await scriptOf(bench, 'cat a/file; echo s > "$HYBRID_STEPS"', {
      preload: [
        { from, to: 'a' },
        { from, to: '~/.hybrid-no-such-folder' },
      ],
      ownFiles: ['HYBRID_STEPS'],
    });
    let text = '';
    const executor = new ProcessExecutor(bench.folder);
    const finished = await executor.run(
      script,
      async (_, chunk) => void (text += chunk.toString()),
      (line) => said.push(line),
      still,
    );
    expect(text).toBe('kept');
    expect(said.at(-1)).toMatch(/^~\/.hybrid-no-such-folder lies outside the workspace/);
    expect(await finished.collect('~/.hybrid-no-such-folder')).toBeUndefined();
    expect(await finished.collect('/etc/hostname')).toBe('/etc/hostname');
    expect(await finished.ownFile('HYBRID_STEPS')).toBe('s\n');
    await expect(finished.collect('../scratch')).rejects.toThrow(StepProblem);
  });
});

await describeWithEngine('output of a container', (bench) => {
  it('is read no faster than it is taken: a step that prints 200 MB waits', async () => {
    let bytes = 0;
    let open: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (open = resolve));
    let readProgress: () => Promise<string> = async () => '';
    const script = await scriptOf(
      bench,
      'head -c 100000000 /dev/zero; echo half > "$HYBRID_PROGRESS"; head -c 100000000 /dev/zero',
      { progressFrom: (read) => void (readProgress = read) },
    );
    let first: () => void = () => undefined;
    const begun = new Promise<void>((resolve) => (first = resolve));
    let most = 0;
    const before = process.memoryUsage().rss;
    const running = bench.executor().run(
      script,
      async (_, chunk) => {
        bytes += chunk.length;
        first();
        await gate;
        most = Math.max(most, process.memoryUsage().rss);
      },
      () => undefined,
      still,
    );
    await begun;
    // The engine keeps a megabyte or so for who reads slowly; the step cannot have come to its middle.
    expect(await readProgress()).toBe('');
    expect(bytes).toBeLessThan(1_000_000);
    open();
    const finished = await running;
    await finished.dispose();
    expect(finished.exitCode).toBe(0);
    expect(bytes).toBe(200_000_000);
    expect(most - before).toBeLessThan(150_000_000);
  });
});
