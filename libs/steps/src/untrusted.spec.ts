import { describe, expect, it } from '@jest/globals';
import { DummyExecutor } from './sandbox/dummy-executor.js';
import { runStep } from './run-step.js';
import { stepBench } from './step.fixtures.js';
import type { StepContext } from './step.js';
import { withoutTrust } from './untrusted.js';

describe('a job of a fork', () => {
  const bench = stepBench();
  const untrusted = (context: StepContext): StepContext => {
    context.job.spec.untrusted = true;
    return context;
  };
  const shell = (config = {}, more = {}) =>
    untrusted(
      bench.step(
        'step.shell_exec',
        { commands: ['make'], ...config },
        { executor: new DummyExecutor(), ...more },
      ),
    );

  it('gets nothing of the customer', () => {
    const context = shell({}, { secrets: new Map([['TOKEN', 's3cr3t']]) });
    context.job.spec.caches = [{ key: 'npm', paths: ['~/.npm'] }];
    context.caches = {} as StepContext['caches'];
    const bare = withoutTrust(context);
    expect(bare.secrets.values()).toEqual([]);
    expect(bare.caches).toBeUndefined();
    expect(bare.job.spec.caches).toEqual([]);
    expect(bare.deployTo).toEqual([]);
    expect(bench.log).toEqual(['system caches are left out: the commits come from a fork']);
  });

  it('runs', async () => {
    await expect(runStep(shell())).resolves.toMatchObject({ exitCode: 0 });
  });

  it.each(['docker_build', 'docker_push', 'docker_run', 'deploy'])('is refused step.%s', async (type) => {
    const context = untrusted(bench.step(`step.${type}`, {}, { executor: new DummyExecutor() }));
    await expect(runStep(context)).rejects.toThrow(`step.${type} are not for them`);
  });

  it.each([
    ['they get no secrets, and this step names TOKEN', {}, { env: { T: '{{.Secrets.TOKEN}}' } }],
    ['config.docker_socket', { docker_socket: true }, {}],
    ['config.mounts', { mounts: [{ source: '/etc', target: '/etc' }] }, {}],
  ])('is refused: %s', async (message, config, more) => {
    await expect(runStep(shell(config, more))).rejects.toThrow(message);
  });

  it('does not run without a sandbox', async () => {
    const context = untrusted(bench.step('step.shell_exec', { commands: ['touch ran'] }));
    await expect(runStep(context)).rejects.toThrow('without a sandbox');
  });
});
