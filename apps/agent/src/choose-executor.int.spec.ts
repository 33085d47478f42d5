import { describe, expect, it } from '@jest/globals';
import { logText } from '../test/fake-gateway.js';
import { completed, ready, workbench } from '../test/workbench.js';

describe('the executor of an agent', () => {
  const bench = workbench();
  const NOWHERE = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };

  it('docker: without an engine it does not start, and says how to mend that', async () => {
    const agent = bench.start(['--executor', 'docker'], NOWHERE);
    expect(await agent.ended).toBe(1);
    expect(agent.stderr).toContain('no Docker engine answers at unix:///nowhere/docker.sock');
    expect(agent.stderr).toContain('start Docker, or set DOCKER_HOST');
  });

  it('auto: is the host where that is allowed and no engine answers', async () => {
    const agent = await bench.startReady(['--executor', 'auto'], NOWHERE);
    expect((await ready(agent)).executor).toBe('process');
  });

  it('dummy: runs nothing, and ends as the step is told to', async () => {
    const agent = await bench.startReady(['--executor', 'dummy'], NOWHERE);
    expect((await ready(agent)).executor).toBe('dummy');
    const env = { HYBRID_DUMMY_LOG: 'hello', HYBRID_DUMMY_OUTPUT: 'a=1\nb=2' };
    const good = bench.shell(['touch /tmp/hybrid-never'], { env });
    expect(await completed(good)).toMatchObject({ exit_code: 0, outputs: { a: '1', b: '2' } });
    expect(logText(good)).toContain('hello');
    const bad = bench.shell(['true'], { env: { HYBRID_DUMMY_EXIT: '3' } });
    expect(await completed(bad)).toMatchObject({ exit_code: 3 });
  });

  it('process: refuses what only a container has', async () => {
    await bench.startReady();
    const services = [{ name: 'db', image: 'postgres' }];
    const job = bench.shell(['true'], {}, { spec: { services } });
    expect(await completed(job)).toMatchObject({
      exit_code: -1,
      error_message: expect.stringContaining('the services db cannot be had without'),
    });
  });
});
