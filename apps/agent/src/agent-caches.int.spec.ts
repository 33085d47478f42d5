import type { ClaimedJob } from '@hybrid/contracts';
import { engineForTests, importBusybox } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { logText } from '../test/fake-gateway.js';
import { completed, workbench, type Workbench } from '../test/workbench.js';

const found = await engineForTests();

/** The job's log and result; the job is of the pipeline `web`, at the branch `ref` of a repository. */
async function run(
  bench: Workbench,
  source: { repository: string; commit: string },
  { ref, commands, paths }: { ref: string; commands: string[]; paths: string[] },
) {
  const caches = [{ key: 'deps-{{hashFiles "lock"}}', paths, restore_keys: ['deps-'] }];
  const rest: Partial<ClaimedJob> = { pipeline_id: 'web' };
  const job = bench.shell(commands, {}, { ...rest, spec: { source: { ...source, ref }, caches } });
  const result = await completed(job);
  return { result, log: logText(job) };
}

describe('caches of an agent', () => {
  const bench = workbench();

  it('outlive the job, and a branch reads its own and the main one’s, never the other way round', async () => {
    await bench.startReady();
    const source = await bench.repository({ lock: '1' });
    const paths = ['deps'];
    const fill = (text: string) => ['cat deps/a || true', `mkdir -p deps; echo ${text} > deps/a`];
    const feature = await run(bench, source, { ref: 'feature', commands: fill('from-feature'), paths });
    expect(feature.log).toMatch(/cache miss: [^]*cache saved: /);
    const main = await run(bench, source, { ref: 'main', commands: fill('from-main'), paths });
    expect(main.log).toMatch(/cache miss: [^]*cache saved: /);
    expect(main.log).not.toContain(': from-feature');

    const other = await run(bench, source, { ref: 'other', commands: ['cat deps/a'], paths });
    expect(other.log).toMatch(/cache hit: [^]*\nfrom-main/);
    expect(other.result.report?.cache_hits).toEqual([expect.stringMatching(/^deps-[0-9a-f]{64}$/)]);
    const again = await run(bench, source, { ref: 'feature', commands: ['cat deps/a'], paths });
    expect(again.log).toMatch(/cache hit: [^]*\nfrom-feature/);
  });

  it('are left out where they may hold nothing', async () => {
    await bench.startReady(['--cache-size-mb', '0']);
    const source = await bench.repository({ lock: '1' });
    const { result, log } = await run(bench, source, { ref: 'main', commands: ['true'], paths: ['deps'] });
    expect(result.exit_code).toBe(0);
    expect(log).toContain('caches are left out');
  });
});

if ('reason' in found) {
  describe('caches in containers', () => {
    it.skip(`not tested: ${found.reason}`, () => undefined);
  });
} else {
  const { engine } = found;
  describe('caches in containers', () => {
    const bench = workbench();
    let image: string;
    beforeAll(async () => void (image = await importBusybox(engine)));
    afterAll(() => engine.getImage(image).remove({ force: true }));

    it('go into the workspace and the home of the sandbox, and come back from there', async () => {
      await bench.startReady(['--executor', 'docker', '--default-image', image]);
      const source = await bench.repository({ lock: '1' });
      const paths = ['deps', '~/.tool/cache', '~/one-file'];
      const commands = [
        'mkdir -p deps ~/.tool/cache; echo in-workspace > deps/a; echo in-home > ~/.tool/cache/b; echo file > ~/one-file',
      ];
      expect((await run(bench, source, { ref: 'main', commands, paths })).log).toContain('cache saved');
      const use = await run(bench, source, {
        ref: 'main',
        commands: ['cat deps/a ~/.tool/cache/b ~/one-file'],
        paths,
      });
      expect(use.result).toMatchObject({ exit_code: 0 });
      expect(use.log).toMatch(/cache hit: [^]*in-workspace\nin-home\nfile/);
    });
  });
}
