import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import {
  bundleProgram,
  engineForTests,
  eventually,
  importBusybox,
  seededRandom,
  type BundledProgram,
} from '@hybrid/testing';
import type Docker from 'dockerode';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { runStep } from '../run-step.js';
import { stepBench } from '../step.fixtures.js';
import { StepStopped, type StepResult } from '../step.js';

const environment = `hybrid-test-${process.pid}`;
const found = await engineForTests();

describe('the provider docker', () => {
  if ('reason' in found) {
    it.skip(`not tested: ${found.reason}`, () => undefined);
    return;
  }
  const { engine } = found;
  const bench = stepBench();
  const images = new Map<string, string>();
  let port: number;
  beforeAll(async () => {
    const busybox = await importBusybox(engine);
    images.set('base', busybox);
    for (const version of ['v1', 'v2', 'v3']) {
      const repo = busybox.split(':')[0]!;
      await engine.getImage(busybox).tag({ repo, tag: version });
      images.set(version, `${repo}:${version}`);
    }
  });
  beforeEach(async () => {
    port = await freePort();
  });
  afterEach(async () => {
    for (const { Id } of await containers()) await engine.getContainer(Id).remove({ force: true, v: true });
  });
  afterAll(async () => {
    for (const image of images.values()) await engine.getImage(image).remove({ force: true });
  });

  const containers = (): Promise<Docker.ContainerInfo[]> =>
    engine.listContainers({ all: true, filters: { label: [`hybrid.environment=${environment}`] } });
  /** Names and whether they run, by name. */
  const state = async (): Promise<Record<string, string>> =>
    Object.fromEntries((await containers()).map(({ Names, State }) => [Names[0]!.slice(1), State]));
  const name = `hybrid.${environment}.web`;

  /** A web server that answers /health with what its environment says, and ends when it is told to. */
  const serves = (answer: string): string =>
    `mkdir -p /www; echo ${answer} > /www/health; trap "exit 0" TERM; httpd -f -p 80 -h /www & wait`;
  const config = (
    version: string,
    more: Record<string, unknown> = {},
    docker: Record<string, unknown> = {},
  ) => ({
    environment,
    service: 'web',
    strategy: 'recreate',
    provider: 'docker',
    image: images.get(version) ?? version,
    rollback_on_failure: true,
    health_check: {
      path: '/health',
      interval_seconds: 0.1,
      timeout_seconds: 5,
      healthy_threshold: 2,
      unhealthy_threshold: 3,
      start_period_seconds: 30,
    },
    ...more,
    settings: {
      docker: { ports: [`127.0.0.1:${port}:80`], command: ['sh', '-c', serves(version)], ...docker },
    },
  });
  const deploy = (
    given: Record<string, unknown>,
    more?: Parameters<typeof bench.step>[2],
  ): Promise<StepResult> => runStep(bench.step('step.deploy', given, more));
  const answers = async (): Promise<string> =>
    (await (await fetch(`http://127.0.0.1:${port}/health`)).text()).trim();
  const idOf = async (): Promise<string> => (await engine.getContainer(name).inspect()).Id;

  it('starts the first one, and replaces it', async () => {
    const first = await deploy(
      config('v1', {}, { memory: '64m', cpu: 0.5, volumes: [`${environment}:/data`] }),
      {
        env: { TOKEN: '{{.Secrets.TOKEN}}' },
        secrets: new Map([['TOKEN', 'hunter22']]),
      },
    );
    expect(first).toMatchObject({ exitCode: 0, outputs: { deployment_state: 'succeeded', container: name } });
    expect(first.outputs).not.toHaveProperty('previous_image');
    expect(await answers()).toBe('v1');
    const { HostConfig, Config } = await engine.getContainer(name).inspect();
    expect(HostConfig).toMatchObject({
      Memory: 64 * 1024 ** 2,
      NanoCpus: 5e8,
      RestartPolicy: { Name: 'unless-stopped' },
      SecurityOpt: ['no-new-privileges'],
    });
    expect(Config.Env).toContain('TOKEN=hunter22');
    expect(bench.log.join('\n')).not.toContain('hunter22');

    const second = await deploy(config('v2'));
    expect(second.outputs).toMatchObject({ deployment_state: 'succeeded', previous_image: images.get('v1') });
    expect(await answers()).toBe('v2');
    expect(await state()).toEqual({ [name]: 'running' });
    await engine.getVolume(environment).remove();
  });

  it.each([
    [
      'answers that it is not well',
      { command: ['sh', '-c', serves('x').replace('/www/health', '/www/other')] },
      'GET /health answered 404',
    ],
    ['listens elsewhere', { command: ['sh', '-c', serves('x').replace('-p 80', '-p 81')] }, 'got no answer'],
    [
      'crashes at its start',
      { command: ['sh', '-c', 'echo no database >&2; exit 3'] },
      'it ended with exit code 3',
    ],
    ['has no such program', { command: ['no-such-program'] }, 'it cannot be started'],
  ])('goes back to the very container that ran before when the new one %s', async (_, docker, trouble) => {
    await deploy(config('v1'));
    const before = await idOf();
    const check = {
      path: '/health',
      interval_seconds: 0.05,
      timeout_seconds: 5,
      unhealthy_threshold: 3,
      // Enough for a busy engine to have the program answer.
      start_period_seconds: 3,
    };
    const failed = await deploy(config('v2', { health_check: check }, docker));
    expect(failed).toMatchObject({
      exitCode: 1,
      outputs: { deployment_state: 'rolled_back', previous_image: images.get('v1'), container_id: before },
    });
    expect(failed.errorMessage).toContain(trouble);
    expect(failed.errorMessage).toContain(`Rolled back to ${images.get('v1')}`);
    expect(await state()).toEqual({ [name]: 'running' });
    expect(await idOf()).toBe(before);
    await eventually(async () => expect(await answers()).toBe('v1'));
    if (trouble.endsWith('code 3')) expect(bench.log).toContain('system its log: no database');
  });

  it('says so when there is nothing to go back to', async () => {
    const failed = await deploy(config('v1', {}, { command: ['false'] }));
    expect(failed).toMatchObject({ exitCode: 1, outputs: { deployment_state: 'failed' } });
    expect(failed.errorMessage).toContain('There was nothing before it');
    expect(await state()).toEqual({});
  });

  it('leaves the failed one for people to look at where that is wished, and keeps the old one beside it', async () => {
    await deploy(config('v1'));
    const failed = await deploy(config('v2', { rollback_on_failure: false }, { command: ['false'] }));
    expect(failed).toMatchObject({ exitCode: 1, outputs: { deployment_state: 'failed' } });
    expect(await state()).toEqual({ [name]: 'exited', [`${name}.previous`]: 'exited' });
    expect((await deploy(config('v3'))).exitCode).toBe(0);
    expect(await answers()).toBe('v3');
    expect(await state()).toEqual({ [name]: 'running' });
  });

  it('does not touch the old one when the image cannot be had', async () => {
    await deploy(config('v1'));
    await expect(deploy(config('127.0.0.1:1/no/such:image'))).rejects.toThrow('cannot be pulled');
    expect(await answers()).toBe('v1');
    expect(await state()).toEqual({ [name]: 'running' });
  });

  it('goes back when the port is taken', async () => {
    await deploy(config('v1'));
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port: other } = taken.address() as { port: number };
      const failed = await deploy(config('v2', {}, { ports: [`127.0.0.1:${other}:80`] }));
      expect(failed.outputs['deployment_state']).toBe('rolled_back');
      expect(failed.errorMessage).toContain('it cannot be started');
      await eventually(async () => expect(await answers()).toBe('v1'));
    } finally {
      taken.close();
    }
  });

  it('goes back when the step is ended from outside', async () => {
    await deploy(config('v1'));
    const control = new AbortController();
    const silent = config('v2', {}, { command: ['sleep', '1000'] });
    const running = deploy(silent, { signal: control.signal });
    await eventually(async () => expect(await state()).toMatchObject({ [`${name}.next`]: 'running' }));
    control.abort(new StepStopped('timed_out', 'timed out after 1 s'));
    await expect(running).rejects.toThrow('timed out after 1 s');
    expect(await state()).toEqual({ [name]: 'running' });
    await eventually(async () => expect(await answers()).toBe('v1'));
  });

  it('checks inside the network of the engine where no port is published, and waits where nothing is to be checked', async () => {
    const health_check = { path: '/health', port: 80, interval_seconds: 0.05, start_period_seconds: 30 };
    expect((await deploy(config('v1', { health_check }, { ports: [] }))).exitCode).toBe(0);
    expect((await deploy(config('v2', { health_check: undefined }, { ports: [] }))).exitCode).toBe(0);
  });

  it('is checked on the port that its image exposes where nothing else says which', async () => {
    const bare = await engine.createContainer({ Image: images.get('base')!, Cmd: ['true'] });
    const [repo, tag] = [images.get('base')!.split(':')[0]!, 'exposes'];
    await bare.commit({ repo, tag, changes: ['EXPOSE 53/udp', 'EXPOSE 80/tcp'] });
    await bare.remove();
    images.set('exposes', `${repo}:${tag}`);
    const health_check = { path: '/health', interval_seconds: 0.05, start_period_seconds: 30 };
    expect((await deploy(config('exposes', { health_check }, { ports: [] }))).exitCode).toBe(0);
  });

  it('is found by the name of its service in a network of the engine', async () => {
    const network = await engine.createNetwork({ Name: environment });
    try {
      const health_check = { path: '/health', port: 80, interval_seconds: 0.05, start_period_seconds: 30 };
      const docker = { ports: [], network: environment };
      expect((await deploy(config('v1', { health_check }, docker))).exitCode).toBe(0);
      const { NetworkSettings, HostConfig, Id } = await engine.getContainer(name).inspect();
      expect(NetworkSettings.Networks[environment]?.Aliases).toContain('web');
      expect(HostConfig.NetworkMode).toBe(environment);
      await engine.getContainer(Id).remove({ force: true });
    } finally {
      await network.remove();
    }
  });

  it('refuses what it cannot do, with nothing changed', async () => {
    const refused = async (given: Record<string, unknown>, message: string): Promise<void> =>
      expect(deploy(given)).rejects.toThrow(message);
    await refused(
      config('v1', { provider: 'aws_ecs', strategy: 'rolling' }),
      'no provider aws_ecs on this agent; it has: docker',
    );
    await refused(
      config('v1', { strategy: 'rolling' }),
      'the strategy rolling is not yet done by the provider docker; it does: recreate',
    );
    await refused(config('v1', { service: 'a.b' }), 'config.service is "a.b"');
    await refused(config('v1', {}, { ports: ['80'] }), 'config.docker.ports has 80: write host:container');
    await refused(
      config('v1', {}, { volumes: ['/etc:/etc'] }),
      'folders of the machine itself cannot be given',
    );
    await refused(config('v1', {}, { privileged: true }), 'config.docker has no privileged');
    await refused(config('v1', {}, { network: 'host' }), 'config.docker.network must be');
    await refused(config('v1', {}, { ports: [] }), 'config.health_check.port is missing');
    expect(await state()).toEqual({});
    const foreign = await engine.createContainer({ name, Image: images.get('base')!, Cmd: ['true'] });
    try {
      await refused(config('v1'), `there is a container ${name} that no deployment has made`);
    } finally {
      await foreign.remove();
    }
  });

  describe('in an agent that is killed', () => {
    let program: BundledProgram;
    beforeAll(async () => {
      program = await bundleProgram('libs/steps/src/deploy/deploy-process.fixtures.ts');
    });
    afterAll(() => program?.remove());

    it('leaves what the next attempt brings to an end, whenever that was', async () => {
      const random = seededRandom();
      await deploy(config('v1'));
      let serving = 'v1';
      for (const phase of ['getting', 'stopping', 'starting', 'healthy']) {
        const given = config('v2');
        const check = given.health_check;
        const deployment = {
          id: 'killed',
          environment,
          service: 'web',
          image: given.image,
          strategy: 'recreate',
          env: {},
          rollbackOnFailure: true,
          healthCheck: {
            path: check.path,
            intervalMs: 20,
            timeoutMs: 5_000,
            healthyThreshold: 3,
            unhealthyThreshold: 3,
            startPeriodMs: 30_000,
          },
          settings: given.settings.docker,
        };
        const child = spawn(process.execPath, [program.path, JSON.stringify(deployment)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const ended = once(child, 'exit');
        let said = '';
        child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
        await eventually(async () => expect(said).toContain(phase));
        const kill = setTimeout(() => child.kill('SIGKILL'), random() * 60);
        await ended;
        clearTimeout(kill);
        // An attempt that cannot even begin its own work puts right what the one before it left.
        await expect(deploy(config('127.0.0.1:1/no/such:image'))).rejects.toThrow('cannot be pulled');
        const now = await state();
        expect(now[name]).toBe('running');
        expect(now).not.toHaveProperty(`${name}.next`);
        await eventually(async () => expect(['v1', 'v2']).toContain((serving = await answers())));
        // Only what was already healthy may have won.
        if (phase !== 'healthy' && !said.includes('healthy')) expect(serving).toBe('v1');
        expect((await deploy(config('v1'))).exitCode).toBe(0);
        expect(await state()).toEqual({ [name]: 'running' });
        expect(await answers()).toBe('v1');
      }
    });
  });
});
