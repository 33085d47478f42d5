import { expect, it } from '@jest/globals';
import type { ServiceSpec } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { StepStopped } from '../step.js';
import { ProcessExecutor } from './process-executor.js';
import { describeWithEngine, type StepBench } from '../../test/step-bench.js';

/** Serves a page that holds a secret once it has slept. */
function web(bench: StepBench, rest: Partial<ServiceSpec> = {}): ServiceSpec {
  return {
    name: 'web',
    image: bench.image,
    env: { PAGE: 'hello {{.Secrets.TOKEN}}' },
    command: [
      'sh',
      '-c',
      'mkdir /www; sleep 1; echo "$PAGE" > /www/index.html; echo serving; exec httpd -f -p 80 -h /www',
    ],
    ready: ['wget', '-q', '-O', '/dev/null', 'http://127.0.0.1/'],
    ...rest,
  };
}

await describeWithEngine('services', (bench) => {
  it('are there under their names when the step begins, and gone when it has ended', async () => {
    bench.secrets = { TOKEN: 'hunter22' };
    const { result, stdout, log } = await bench.shell(
      ['wget -q -O - http://web/ | base64'],
      {},
      { services: [web(bench)] },
    );
    expect(result.exitCode).toBe(0);
    // In base64, whose masked middle is the secret.
    expect(stdout).toMatch(/^aGVsbG8g\*\*\*/);
    expect(log).toContain('services are ready: web');
    expect(log).not.toContain('serving');
    expect(await bench.leftovers()).toEqual([]);
  });

  it.each([
    ['nothing else with network: none, not even the machine', 'none', 2, /timed out|unreachable/],
    ['the rest of the world too', 'bridge', 60, /refused/],
  ])('and %s can be reached', async (_, network, seconds, answer) => {
    const bridge = (await bench.engine.getNetwork('bridge').inspect()) as {
      IPAM: { Config: { Gateway: string }[] };
    };
    const machine = bridge.IPAM.Config[0]?.Gateway ?? '';
    const { stdout } = await bench.shell(
      [`nc -w ${seconds} ${machine} 9 2>&1 </dev/null || true`],
      { network },
      { services: [web(bench, { command: ['sleep', '1000'], ready: undefined, env: {} })] },
    );
    expect(stdout).toMatch(answer);
  });

  it('show their last lines when the step fails, masked', async () => {
    bench.secrets = { TOKEN: 'hunter22' };
    const chatty = web(bench, {
      command: ['sh', '-c', 'seq 1 100; echo "token $PAGE"; sleep 1000'],
      ready: ['true'],
    });
    const { result, lines } = await bench.shell(['exit 3'], {}, { services: [chatty] });
    expect(result.exitCode).toBe(3);
    const shown = lines.filter((line) => line.startsWith('system: [web] '));
    expect(shown).toHaveLength(20);
    expect(shown.at(-1)).toBe('system: [web] token hello ***');
    expect(await bench.leftovers()).toEqual([]);
  });

  it('that die before they are ready fail the step with their last words', async () => {
    const dying = web(bench, { command: ['sh', '-c', 'echo no disk >&2; exit 4'], env: {} });
    await expect(bench.shell(['true'], {}, { services: [dying] })).rejects.toThrow(
      'the service web ended with 4 before it was ready',
    );
    expect(bench.lines).toContain('system: [web] no disk');
    expect(await bench.leftovers()).toEqual([]);
  });

  it('that never become ready fail the step after their time', async () => {
    const slow = web(bench, {
      command: ['sleep', '1000'],
      ready: ['sh', '-c', 'echo not yet; exit 9'],
      // Enough for a busy engine to run the command once.
      ready_timeout_seconds: 5,
      env: {},
    });
    await expect(bench.shell(['true'], {}, { services: [slow] })).rejects.toThrow(
      'the service web was not ready within 5 s (its ready command ends with 9: not yet)',
    );
    expect(await bench.leftovers()).toEqual([]);
  });

  it.each([
    ['hangs', ['sleep', '1000']],
    ['talks without end', ['yes']],
  ])('fail the step after their time when their ready command %s', async (_, ready) => {
    const stuck = web(bench, {
      command: ['sleep', '1000'],
      ready,
      ready_timeout_seconds: 1,
      env: {},
    });
    await expect(bench.shell(['true'], {}, { services: [stuck] })).rejects.toThrow(
      'the service web was not ready within 1 s (its ready command does not end)',
    );
    expect(await bench.leftovers()).toEqual([]);
  });

  it('end when the step is cancelled, also while they start', async () => {
    const cancel = new AbortController();
    const slow = web(bench, { command: ['sleep', '1000'], ready: ['sleep', '1000'], env: {} });
    const running = bench.run(
      'step.shell_exec',
      { commands: ['true'] },
      { services: [slow] },
      { signal: cancel.signal },
    );
    running.catch(() => undefined);
    await eventually(async () => expect((await bench.leftovers()).join()).toContain('container'));
    cancel.abort(new StepStopped('lost', 'somebody else has it'));
    await expect(running).rejects.toThrow('somebody else has it');
    expect(await bench.leftovers()).toEqual([]);
  });

  it('need containers', async () => {
    const executor = new ProcessExecutor(bench.folder);
    const running = bench.run(
      'step.shell_exec',
      { commands: ['true'] },
      { services: [web(bench, { env: {} })] },
      { executor },
    );
    await expect(running).rejects.toThrow(/the services web cannot be had without: .*--executor docker/);
  });
});
