import { expect, it } from '@jest/globals';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describeWithEngine } from '../../test/step-bench.js';
import { startContainer } from './docker-executor.js';
import type { Script } from './executor.js';

const MiB = 1024 ** 2;

await describeWithEngine('what a step in a container cannot do', (bench) => {
  it('use more memory than it has: it is killed, and the message says how much that is', async () => {
    const { result } = await bench.shell(['exec tail -c 200000000 /dev/zero'], { memory: 32 * MiB });
    expect(result.exitCode).toBe(137);
    expect(result.errorMessage).toContain(
      'it was killed for using more than 32 MiB of memory (config.memory)',
    );
  });

  it('use more CPU than it has: the kernel holds it back', async () => {
    const stat = 'cat /sys/fs/cgroup/cpu.stat 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.stat';
    const { stdout } = await bench.shell(['i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done', stat], {
      cpu: 0.1,
    });
    expect(Number(/^nr_throttled (\d+)$/m.exec(stdout)?.[1])).toBeGreaterThan(0);
  });

  it('start more processes than it may', async () => {
    const { log, result } = await bench.shell(['i=0; while [ $i -lt 40 ]; do i=$((i+1)); sleep 30 & done'], {
      pids: 20,
    });
    expect(log).toContain("can't fork");
    expect(result.exitCode).not.toBe(0);
  });

  it('have capabilities, new privileges, or the socket of the engine', async () => {
    const { stdout } = await bench.shell([
      'grep -E "^(Cap...|NoNewPrivs):" /proc/self/status; ls /var/run/docker.sock 2>&1 || true',
    ]);
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapInh'])
      expect(stdout).toMatch(new RegExp(`${set}:\t0+$`, 'm'));
    expect(stdout).toMatch(/^NoNewPrivs:\t1$/m);
    expect(stdout).toContain('No such file or directory');
  });

  it('reach a network with network: none', async () => {
    const interfaces = 'ls /sys/class/net';
    expect((await bench.shell([interfaces], { network: 'none' })).stdout.split(/\s+/)).toEqual(['lo']);
    expect((await bench.shell([interfaces])).stdout).toContain('eth0');
  });

  it('write outside workspace, /tmp and home with read_only', async () => {
    await bench.write({ 'in.txt': 'copied in' });
    const { stdout, result } = await bench.shell(
      [
        'cat in.txt; for f in /etc/x /bin/x /x; do echo no > $f 2>/dev/null && echo "wrote $f"; done || true',
        'echo ok > /tmp/x && echo ok > ~/x && echo ok > x && echo "home is $HOME"',
        'cp /bin/busybox /tmp/echo && /tmp/echo runs from tmp; echo "k=v" >> "$HYBRID_OUTPUT"',
      ],
      { read_only: true },
    );
    expect(stdout.split('\n')).toEqual(['copied in', 'home is /hybrid/home', 'runs from tmp']);
    expect(result.outputs).toEqual({ k: 'v' });
  });

  it('ask for more than the agent gives', async () => {
    bench.settings = { memory: 64 * MiB, cpu: 1, pids: 50 };
    await expect(bench.shell(['true'], { memory: 65 * MiB })).rejects.toThrow(
      'config.memory asks for 65 MiB, and this agent gives a step 64 MiB at most: ask for less, or raise its --step-memory',
    );
    await expect(bench.shell(['true'], { cpu: 1.5 })).rejects.toThrow(/1.5 cores, .* 1 cores at most/);
    await expect(bench.shell(['true'], { pids: 51 })).rejects.toThrow(/--step-pids/);
    const { result } = await bench.shell(['exec tail -c 200000000 /dev/zero']);
    expect(result.errorMessage).toContain('64 MiB');
  });

  it('have the socket of the engine where the agent does not allow it', async () => {
    await expect(bench.shell(['true'], { docker_socket: true })).rejects.toThrow(/--allow-docker-socket/);
    bench.settings = { allowDockerSocket: true };
    const { stdout } = await bench.shell(['test -S /var/run/docker.sock && echo there'], {
      docker_socket: true,
      user: '1000:1000',
    });
    expect(stdout).toBe('there');
  });
});

await describeWithEngine('mounts', (bench) => {
  it('are of folders that the agent allows, and read-only unless told', async () => {
    const allowed = await mkdtemp(join(bench.folder, 'allowed-'));
    const outside = await mkdtemp(join(bench.folder, 'outside-'));
    await mkdir(join(allowed, 'npm'));
    await writeFile(join(allowed, 'npm', 'file'), 'of the machine');
    await symlink(outside, join(allowed, 'link'));
    bench.settings = { allowMounts: [allowed] };
    const mount = (source: string, read_only?: boolean): Record<string, unknown> => ({
      mounts: [{ source, target: '/cache', read_only }],
    });

    const read = await bench.shell(
      ['cat /cache/file; echo; touch /cache/new 2>&1 || true'],
      mount(join(allowed, 'npm')),
    );
    expect(read.stdout).toMatch(/^of the machine\n.*Read-only file system/);
    await bench.shell(['echo from the step > /cache/file'], mount(join(allowed, 'npm'), false));
    expect((await bench.shell(['cat /cache/file'], mount(join(allowed, 'npm')))).stdout).toBe(
      'from the step',
    );

    for (const source of [
      outside,
      '/etc',
      join(allowed, 'link'),
      join(allowed, '..', 'outside'),
      join(allowed, 'missing'),
      `${allowed}-beside`,
      'relative',
    ])
      await expect(bench.shell(['true'], mount(source))).rejects.toThrow(
        /is not a folder that this agent lets/,
      );
    bench.settings = {};
    await expect(bench.shell(['true'], mount(allowed))).rejects.toThrow(/it allows none/);
    await rm(outside, { recursive: true });
  });

  it('are not of a folder that was replaced by a link meanwhile', async () => {
    const allowed = await mkdtemp(join(bench.folder, 'allowed-'));
    const source = join(allowed, 'npm');
    bench.settings = { allowMounts: [allowed] };
    const script: Script = {
      ...{ jobId: 'job', attempt: 1, text: 'sleep 100', env: {}, network: 'none', workDir: '/workspace' },
      workspace: join(bench.folder, 'workspace'),
      scratch: join(bench.folder, 'scratch'),
      limits: { mounts: [{ source, target: '/cache', read_only: true }] },
      progressFrom: () => undefined,
    };
    await mkdir(script.workspace);
    await mkdir(source);
    const never = new AbortController().signal;
    const { container, plan } = await bench.executor().prepare(script, () => undefined, never);
    const replace = async (): Promise<void> => {
      await rm(source, { recursive: true });
      await symlink('/etc', source);
    };
    const late = Object.create(container, {
      start: { value: () => replace().then(() => container.start()) },
    }) as typeof container;
    // Between the last look and the mount, and before.
    await expect(startContainer(late, script, plan)).rejects.toThrow(/was replaced while the step/);
    await expect(startContainer(container, script, plan)).rejects.toThrow(/was replaced while the step/);
    await container.remove({ force: true, v: true });
  });
});

await describeWithEngine('the user of a step', (bench) => {
  it.each([false, true])(
    'is not root where that is asked for, and owns what is its (read_only: %s)',
    async (read_only) => {
      await bench.write({ 'dir/in.txt': 'x' });
      const { stdout, result } = await bench.shell(
        [
          'id -u; id -g; rm dir/in.txt; echo new > dir/out.txt; mkdir here; echo x > ~/file',
          'echo "k=v" >> "$HYBRID_OUTPUT"; stat -c %u:%g dir .',
        ],
        { user: '1234:1235', read_only },
      );
      expect(stdout.split('\n')).toEqual(['1234', '1235', '1234:1235', '1234:1235']);
      expect(result).toMatchObject({ exitCode: 0, outputs: { k: 'v' } });
    },
  );

  it('is looked up by its name in the image', async () => {
    expect((await bench.shell(['id -u'], { user: 'root' })).stdout).toBe('0');
    await expect(bench.shell(['true'], { user: 'nosuch' })).rejects.toThrow(/nosuch/);
    expect(await bench.leftovers()).toEqual([]);
  });
});
