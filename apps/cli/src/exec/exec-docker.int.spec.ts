import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { engineForTests, eventually, importBusybox } from '@hybrid/testing';
import { gitFixture } from '../../test/git-fixture.js';
import { cliResult, runCli, type CliRun } from '../../test/run-cli.js';

const found = await engineForTests();
const title = 'hybrid exec with containers';

if ('reason' in found) {
  describe(title, () => {
    it.skip(`not tested: ${found.reason}`, () => undefined);
  });
} else {
  const { engine } = found;
  describe(title, () => {
    const cache = mkdtempSync(join(tmpdir(), 'hybrid-exec-cache-'));
    const work = join(cache, 'hybrid/exec/work');
    const running: CliRun[] = [];
    let image: string;
    let folder: string;

    const start = (...args: string[]) => {
      const run = runCli(['exec', '--executor', 'docker', '--image', image, ...args], {
        cwd: folder,
        env: { XDG_CACHE_HOME: cache, DOCKER_HOST: process.env['DOCKER_HOST'] },
      });
      running.push(run);
      return run;
    };
    const command = (text: string) =>
      writeFileSync(
        join(folder, '.hybrid/pipeline.yaml'),
        `name: demo\nsteps:\n  - name: a\n    type: step.shell_exec\n    config: { commands: [${JSON.stringify(text)}] }\n`,
      );
    /** Containers and volumes of a run. */
    const left = async (runId: string) => {
      const filters = { label: [`hybrid.agent=exec-${runId}`] };
      const containers = await engine.listContainers({ all: true, filters });
      const { Volumes } = await engine.listVolumes({ filters });
      return containers.length + (Volumes?.length ?? 0);
    };
    const runId = () => readdirSync(work)[0]!.split('_')[2]!;

    beforeAll(async () => {
      image = await importBusybox(engine);
    });
    afterAll(async () => {
      await engine.getImage(image).remove({ force: true });
      rmSync(cache, { recursive: true, force: true });
    });
    beforeEach(() => {
      folder = gitFixture({ 'hello.txt': 'hello' }).path;
      mkdirSync(join(folder, '.hybrid'));
    });
    afterEach(() => {
      for (const run of running.splice(0)) run.process.kill('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    });

    it('runs a step in a container, with the working tree in it', async () => {
      writeFileSync(join(folder, 'hello.txt'), 'changed');
      command('cat hello.txt; echo; pwd; echo more >> hello.txt');
      const { code, stdout } = await cliResult(start());
      expect(code).toBe(0);
      expect(stdout).toContain('│ changed\n');
      expect(stdout).toContain('│ /workspace\n');
      expect(stdout).not.toContain('on the host');
    });

    it('says of an image that cannot be had what the step says, and nothing beside it', async () => {
      command('true');
      const { code, stdout, stderr } = await cliResult(start('--image', '127.0.0.1:1/no/such:image'));
      expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
      expect(stdout).toMatch(
        /✘ \S+ failed in .*: the image 127\.0\.0\.1:1\/no\/such:image .* cannot be pulled \(/,
      );
    });

    it('leaves no container and no volume after a second Ctrl-C', async () => {
      command('trap "" TERM; echo begun; while true; do sleep 1; done');
      const run = start();
      await eventually(() => expect(run.stdout()).toContain('│ begun'));
      const id = runId();
      run.process.kill('SIGINT');
      await eventually(() => expect(run.stderr()).toContain('the run is cancelled'));
      run.process.kill('SIGINT');
      expect((await cliResult(run)).code).toBe(130);
      expect(await left(id)).toBe(0);
    });

    it('removes what an exec left that was killed', async () => {
      command('echo begun; sleep 600');
      const run = start();
      await eventually(() => expect(run.stdout()).toContain('│ begun'));
      const id = runId();
      run.process.kill('SIGKILL');
      await cliResult(run);
      expect(await left(id)).toBeGreaterThan(0);
      command('true');
      expect((await cliResult(start())).code).toBe(0);
      expect(await left(id)).toBe(0);
      expect(readdirSync(work)).toEqual([]);
    });
  });
}
