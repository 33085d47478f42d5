import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { awakeMs, engineForTests, eventually, importBusybox } from '@hybrid/testing';
import { JOIN_TOKEN, logText } from '../test/fake-gateway.js';
import { completed, ready, workbench } from '../test/workbench.js';

const found = await engineForTests();
const title = 'docker executor';

if ('reason' in found) {
  describe(title, () => {
    it.skip(`not tested: ${found.reason}`, () => undefined);
  });
} else {
  const { engine } = found;
  describe(title, () => {
    const bench = workbench();
    let image: string;
    beforeAll(async () => {
      image = await importBusybox(engine);
    });
    afterAll(() => engine.getImage(image).remove({ force: true }));

    async function start(args: string[] = []): Promise<string> {
      const agent = await bench.startReady(['--executor', 'docker', '--default-image', image, ...args], {
        HYBRID_SECRET_TOKEN: 'hunter22',
      });
      return (await ready(agent)).agent_id;
    }

    /** Containers and volumes of the agent that are there. */
    async function leftovers(agentId: string): Promise<number> {
      const filters = { label: [`hybrid.agent=${agentId}`] };
      const containers = await engine.listContainers({ all: true, filters });
      const { Volumes } = await engine.listVolumes({ filters });
      return containers.length + (Volumes?.length ?? 0);
    }

    it('runs a checkout in a container, and brings artifacts and outputs back', async () => {
      const agentId = await start();
      const source = await bench.repository({ 'hello.txt': 'hello from git\n' });
      const job = bench.shell(
        [
          'pwd; cat hello.txt; echo "$HYBRID_COMMIT"; id -u',
          'echo to-stderr >&2',
          'mkdir -p out/deep && echo A > out/deep/a && ln -s deep/a out/link',
          'echo "token {{.Secrets.TOKEN}}"; echo "k=v" >> "$HYBRID_OUTPUT"',
          'grep -E "CapEff|NoNewPrivs" /proc/self/status',
        ],
        { artifacts_out: [{ key: 'tree', path: '/workspace/out' }] },
        { spec: { source } },
      );
      const result = await completed(job);
      const log = logText(job);
      // Docker keeps the order within a stream, not between the two.
      const stdout = [...job.lines.values()]
        .filter(({ stream }) => stream === 'stdout')
        .map(({ text }) => text);
      expect(stdout.slice(0, 4)).toEqual(['/workspace', 'hello from git', source.commit, '0']);
      expect(result).toMatchObject({ exit_code: 0, outputs: { k: 'v' }, artifacts: [{ key: 'tree' }] });
      expect(log).toContain('to-stderr');
      expect(log).toContain('token ***');
      expect(log).toMatch(/CapEff:\t0+\n/);
      expect(log).toMatch(/NoNewPrivs:\t1/);

      const use = bench.shell(
        ['cat /srv/in/link'],
        { work_dir: '/srv', network: 'none' },
        { spec: { artifacts_in: [{ execution_id: job.job.id, key: 'tree', dest: '/srv/in' }] } },
      );
      expect(await completed(use)).toMatchObject({ exit_code: 0 });
      expect(logText(use)).toContain('A');
      expect(await leftovers(agentId)).toBe(0);
    });

    it('reports exit codes, time-outs and images that cannot be had', async () => {
      const agentId = await start();
      expect(await completed(bench.shell(['exit 7']))).toMatchObject({ exit_code: 7 });
      const late = bench.shell(['sleep 1000 & sleep 1000'], { timeout: 1 });
      expect(await completed(late)).toMatchObject({ exit_code: 124, error_message: 'timed out after 1 s' });
      const absent = bench.shell(['true'], { image: '127.0.0.1:1/no/such:image' });
      expect(await completed(absent)).toMatchObject({
        exit_code: -1,
        error_message: expect.stringMatching(/cannot be pulled \((?!.*HTTP code).+\S\): check its name/),
      });
      expect(await leftovers(agentId)).toBe(0);
    });

    it('kills what uses too much memory, and says so', async () => {
      await start();
      const job = bench.shell(['exec tail -c 3000000000 /dev/zero']);
      expect(await completed(job)).toMatchObject({
        exit_code: 137,
        error_message: expect.stringContaining('2 GiB of memory'),
      });
    });

    it('gives a step what its own settings say, and no more', async () => {
      await start(['--step-memory', '64MiB', '--step-cpu', '1']);
      const job = bench.shell(['exec tail -c 3000000000 /dev/zero']);
      expect(await completed(job)).toMatchObject({
        error_message: expect.stringContaining('64 MiB of memory'),
      });
      const more = bench.shell(['true'], { memory: 128 * 1024 ** 2 });
      expect(await completed(more)).toMatchObject({
        exit_code: -1,
        error_message: expect.stringContaining('--step-memory'),
      });
    });

    it('bounds the number of processes', async () => {
      await start();
      const job = bench.shell([
        'i=0; while [ $i -lt 600 ]; do i=$((i+1)); sleep 30 & done; echo all started',
      ]);
      await completed(job);
      expect(logText(job)).toContain("can't fork");
    });

    it('removes a lost job', async () => {
      const agentId = await start();
      const job = bench.shell(['echo begun', 'sleep 1000']);
      await eventually(() => expect(logText(job)).toContain('begun'));
      bench.gateway.lost.add(job.job.id);
      await eventually(async () => expect(await leftovers(agentId)).toBe(0));
      expect(job.completed).toEqual([]);
    });

    it.each([
      ['the shell', ['trap "echo cleaned up; exit 1" TERM', 'echo begun', 'while :; do sleep 0.1; done']],
      ['a program', [`sh -c 'trap "echo cleaned up; exit 1" TERM; echo begun; while :; do sleep 0.1; done'`]],
    ])('lets %s clean up before the container ends', async (_, commands) => {
      const agentId = await start(['--on-stop', 'hand-back']);
      const job = bench.shell(commands);
      await eventually(() => expect(logText(job)).toContain('\nbegun'));
      const took = await awakeMs(async () => {
        bench.agents[0]?.child.kill('SIGTERM');
        expect(await bench.agents[0]?.ended).toBe(0);
      });
      expect(took).toBeLessThan(9_000);
      expect(logText(job)).toContain('\ncleaned up');
      expect(job.released).toHaveLength(1);
      expect(await leftovers(agentId)).toBe(0);
    });

    it('kills what ignores the polite signal after ten seconds', async () => {
      const agentId = await start();
      const job = bench.shell(['trap "" TERM', 'echo begun', 'while :; do sleep 0.1; done']);
      await eventually(() => expect(logText(job)).toContain('\nbegun'));
      const since = performance.now();
      bench.gateway.lost.add(job.job.id);
      await eventually(async () => expect(await leftovers(agentId)).toBe(0));
      expect(performance.now() - since).toBeGreaterThan(9_000);
    });

    it('sends the whole of a long output', async () => {
      await start();
      const job = bench.shell(['seq 1 20000']);
      expect(await completed(job)).toMatchObject({ exit_code: 0 });
      const lines = [...job.lines.values()].filter(({ stream }) => stream === 'stdout');
      expect(lines.map(({ text }) => text).join()).toBe(
        Array.from({ length: 20_000 }, (_, index) => index + 1).join(),
      );
    });

    it('clears up after an agent that was killed', async () => {
      const agentId = await start();
      const job = bench.shell(['echo begun', 'sleep 1000']);
      await eventually(() => expect(logText(job)).toContain('begun'));
      // A container and its two volumes.
      expect(await leftovers(agentId)).toBe(3);
      bench.agents[0]?.child.kill('SIGKILL');
      await bench.agents[0]?.ended;
      await start();
      expect(await leftovers(agentId)).toBe(0);
    });

    it('is what auto chooses', async () => {
      const agent = await bench.startReady(['--executor', 'auto'], { HYBRID_JOIN_TOKEN: JOIN_TOKEN });
      expect((await ready(agent)).executor).toBe('docker');
    });
  });
}
