import { findDockerRegistry, startDockerRegistry, type DockerRegistry } from '@hybrid/servers';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { eventually } from '@hybrid/testing';
import { DummyExecutor } from '../sandbox/dummy-executor.js';
import { describeWithEngine, type RanStep } from '../../test/step-bench.js';

const PASSWORD = 'correct horse';
const missing = await findDockerRegistry().then(
  () => undefined,
  (error: Error) => error.message,
);
const withRegistry = missing === undefined ? it : it.skip;

await describeWithEngine(
  `Docker steps${missing ? ` (those with a registry are skipped: ${missing})` : ''}`,
  (bench) => {
    let registry: DockerRegistry | undefined;
    let home: string;
    /** Removed after each test. */
    let images: string[] = [];
    let serial = 0;
    const path = process.env['PATH'] ?? '';

    beforeAll(async () => {
      home = await mkdtemp(join(tmpdir(), 'hybrid-docker-steps-'));
      process.env['DOCKER_CONFIG'] = join(home, 'docker');
      if (missing === undefined)
        registry = await startDockerRegistry({
          dataDir: join(home, 'registry'),
          htpasswd: [`ci:${hashSync(PASSWORD, 4)}`],
        });
    });
    afterAll(async () => {
      delete process.env['DOCKER_CONFIG'];
      await registry?.stop();
      await rm(home, { recursive: true, force: true });
    });
    afterEach(async () => {
      process.env['PATH'] = path;
      await rm(join(home, 'docker'), { recursive: true, force: true });
      for (const image of images)
        await bench.engine
          .getImage(image)
          .remove({ force: true })
          .catch(() => undefined);
      images = [];
    });

    function name(tag = '1'): string {
      const image = `hybrid-test-${process.pid}-app${serial++}:${tag}`;
      images.push(image);
      return image;
    }

    function build(tags: string[], config: Record<string, unknown> = {}): Promise<RanStep> {
      return bench.run('step.docker_build', {
        context: '/workspace',
        dockerfile: 'Dockerfile',
        tags,
        ...config,
      });
    }

    /** An image that greets. */
    async function built(greeting = 'hello from the image'): Promise<string> {
      const image = name();
      await bench.write({ Dockerfile: `FROM ${bench.image}\nCMD ["echo", "${greeting}"]\n` });
      await build([image]);
      return image;
    }

    const push = (image: string, config: Record<string, unknown> = {}): Promise<RanStep> =>
      bench.run('step.docker_push', {
        image,
        registry: `${registry?.host}/team`,
        auth_provider: 'basic',
        username: 'ci',
        password: '{{.Secrets.REGISTRY}}',
        ...config,
      });

    it('build what the Dockerfile says, without what .dockerignore leaves out', async () => {
      bench.secrets = { TOKEN: 'hunter22' };
      const [image, second] = [name(), name('2')];
      await bench.write({
        'app/docker/Dockerfile': [
          `FROM ${bench.image} AS base`,
          'ARG TOKEN',
          'RUN echo "token $TOKEN" && echo "$TOKEN" | base64',
          'COPY . /app',
          'FROM base AS wanted',
          'CMD ["find", "/app", "-type", "f"]',
          'FROM base',
          'RUN false',
        ].join('\n'),
        'app/.dockerignore': 'node_modules\n**/*.log\n!keep.log\ndocs/**\n!docs/one.md\n',
        'app/main.js': '',
        'app/keep.log': '',
        'app/deep/er/x.log': '',
        'app/node_modules/a/b.js': '',
        'app/docs/one.md': '',
        'app/docs/two.md': '',
      });
      const { result, log } = await build([image, second], {
        context: '/workspace/app',
        dockerfile: 'docker/Dockerfile',
        target: 'wanted',
        build_args: { TOKEN: '{{.Secrets.TOKEN}}' },
        labels: { 'org.example.made-by': 'ci' },
      });
      expect(result).toMatchObject({ exitCode: 0, outputs: { tags: `${image},${second}` } });
      const made = await bench.engine.getImage(second).inspect();
      expect(made.Id).toBe(result.outputs['image_id']);
      expect(made.Config.Labels).toMatchObject({ 'org.example.made-by': 'ci' });
      expect(log).toMatch(/stdout: Step 1\/\d+ : FROM/);
      expect(log).toContain('token ***');
      expect(log).not.toMatch(/hunter22|aHVudGVyMj/);

      const { stdout } = await bench.run('step.docker_run', {
        image,
        command: [],
        env: {},
        wait_for_exit: true,
      });
      expect(stdout.split('\n').sort()).toEqual([
        '/app/.dockerignore',
        '/app/docker/Dockerfile',
        '/app/docs/one.md',
        '/app/keep.log',
        '/app/main.js',
      ]);
    });

    it('say why a build fails', async () => {
      await expect(build([])).rejects.toThrow(/there is no Dockerfile in \/workspace/);
      await expect(build([], { context: 'none' })).rejects.toThrow(
        /there is no folder none in the workspace/,
      );
      await expect(build([], { context: '../..' })).rejects.toThrow(/outside the workspace/);
      await expect(build([], { dockerfile: '../../x' })).rejects.toThrow(/there is no x in/);
      await bench.write({ Dockerfile: `FROM ${bench.image}\nRUN echo before; exit 7\n` });
      const failed = await build([name()]);
      expect(failed.result).toMatchObject({
        exitCode: 7,
        errorMessage: expect.stringContaining('returned a non-zero code: 7'),
      });
      expect(failed.log).toContain('before');
      await bench.write({ Dockerfile: `FROM ${bench.image}\nRUN --mount=type=cache,target=/x true\n` });
      expect((await build([name()])).result.errorMessage).toMatch(/BuildKit.*docker buildx/s);
      await bench.write({ Dockerfile: 'FROM 127.0.0.1:1/no/such:image\n' });
      expect((await build([name()])).result.errorMessage).toContain('127.0.0.1:1');
      await bench.write({ Dockerfile: 'NONSENSE\n' });
      await expect(build([name()])).rejects.toThrow(/cannot be built: .*unknown instruction: NONSENSE/i);
    });

    it('end a build that is out of time, with what it runs', async () => {
      await bench.write({ Dockerfile: `FROM ${bench.image}\nRUN echo begun; sleep 1000\n` });
      await expect(build([name()], { timeout: '2s' })).rejects.toThrow('timed out after 2 s');
      const filters = { ancestor: [bench.image] };
      await eventually(async () =>
        expect(await bench.engine.listContainers({ all: true, filters })).toEqual([]),
      );
    });

    withRegistry('build, push, pull by digest, run', async () => {
      bench.secrets = { REGISTRY: PASSWORD };
      const image = await built();
      const pushed = await push(image, { also_as: ['latest', `${registry?.host}/other/app:1`] });
      const { digest = '', reference = '', tags } = pushed.result.outputs;
      const [repository = '', tag] = image.split(':');
      const target = `${registry?.host}/team/${repository}`;
      expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(reference).toBe(`${target}@${digest}`);
      expect(tags).toBe(`${target}:${tag},${target}:latest,${registry?.host}/other/app:1`);
      expect(pushed.log).not.toContain(PASSWORD);
      // The names for the registry are not left on the engine.
      expect((await bench.engine.getImage(image).inspect()).RepoTags).toEqual([image]);

      const again = await bench.engine.getImage(image).inspect();
      await bench.engine.getImage(image).remove({ force: true });
      expect(again.Id).toBeTruthy();
      // The engine of this machine has nothing of it now; a login is where the agent's user keeps it.
      await mkdir(join(home, 'docker'), { recursive: true });
      const auth = Buffer.from(`ci:${PASSWORD}`).toString('base64');
      await writeFile(
        join(home, 'docker', 'config.json'),
        JSON.stringify({ auths: { [registry?.host ?? '']: { auth } } }),
      );
      images.push(reference);
      const ran = await bench.run('step.docker_run', {
        image: reference,
        command: [],
        env: {},
        wait_for_exit: true,
      });
      expect(ran.stdout).toBe('hello from the image');
      expect(ran.log).toContain(`pulling image ${reference}`);
    });

    withRegistry('push with what a credential helper answers', async () => {
      const programs = join(home, 'programs');
      await mkdir(programs, { recursive: true });
      await mkdir(join(home, 'docker'), { recursive: true });
      const helper = join(programs, 'docker-credential-testing');
      await writeFile(
        helper,
        `#!/bin/sh\nread host\necho "{\\"Username\\":\\"ci\\",\\"Secret\\":\\"${PASSWORD}\\",\\"ServerURL\\":\\"$host\\"}"\n`,
      );
      await chmod(helper, 0o755);
      process.env['PATH'] = `${programs}${delimiter}${path}`;
      const config = { credHelpers: { [registry?.host ?? '']: 'testing' } };
      await writeFile(join(home, 'docker', 'config.json'), JSON.stringify(config));
      const image = await built();
      const { result } = await push(image, {
        auth_provider: 'aws_ecr',
        username: undefined,
        password: undefined,
      });
      expect(result.outputs['digest']).toMatch(/^sha256:/);

      await writeFile(helper, `#!/bin/sh\necho "secret ${PASSWORD}"; exit 1\n`);
      const refused = push(image, { auth_provider: 'aws_ecr' });
      await expect(refused).rejects.toThrow(/docker-credential-testing ended with 1/);
      await expect(refused).rejects.not.toThrow(PASSWORD);
    });

    withRegistry('say why a push fails, without the secret', async () => {
      const image = await built();
      bench.secrets = { REGISTRY: 'wrong horse' };
      const wrong = push(image);
      await expect(wrong).rejects.toThrow(/cannot be pushed: .*check that user and password are right/);
      await expect(wrong).rejects.not.toThrow(/horse/);
      await expect(push(image, { registry: '127.0.0.1:1' })).rejects.toThrow(/check config.registry/);
      await expect(push('hybrid-test-none:1')).rejects.toThrow(
        /there is no image hybrid-test-none:1 on the engine/,
      );
      await expect(push(image, { password: undefined })).rejects.toThrow(
        /no credentials for .*config.username/,
      );
      bench.secrets = { REGISTRY: PASSWORD };
      await expect(push(image, { also_as: ['127.0.0.1:1/mirror:1'] })).rejects.toThrow(
        /no credentials for 127.0.0.1:1: config.password is for \S+ alone/,
      );
      process.env['PATH'] = home;
      await expect(push(image, { auth_provider: 'gcp' })).rejects.toThrow(
        /docker-credential-gcloud, which cannot be started/,
      );
      await expect(push(image, { auth_provider: 'none' })).rejects.toThrow(/cannot be pushed/);
      expect((await bench.engine.getImage(image).inspect()).RepoTags).toEqual([image]);
    });

    it('run an image as it is, or with another program', async () => {
      const image = await built('as it is');
      await bench.write({ 'file.txt': 'in the workspace' });
      const run = (config: Record<string, unknown>): Promise<RanStep> =>
        bench.run('step.docker_run', { image, command: [], env: {}, wait_for_exit: true, ...config });
      expect((await run({})).stdout).toBe('as it is');
      expect((await run({ command: ['pwd'] })).stdout).toBe('/');
      expect((await run({ work_dir: '/srv', command: ['cat', 'file.txt'] })).stdout).toBe('in the workspace');
      expect((await run({ entrypoint: ['echo', 'x'], command: ['y'] })).stdout).toBe('x y');
      expect((await run({ command: ['sh', '-c', 'exit 5'] })).result).toMatchObject({
        exitCode: 5,
        errorMessage: `the container of ${image} exited with 5`,
      });
      await expect(run({ command: ['no-such-program'] })).rejects.toThrow(
        /cannot be started: .*no-such-program/,
      );
      await expect(
        run({ command: ['sh', '-c', 'trap exit TERM; while :; do sleep 0.1; done'], timeout: '1s' }),
      ).rejects.toThrow('timed out after 1 s');
      expect(await bench.leftovers()).toEqual([]);
    });

    it('run a container that goes on until its time is over', async () => {
      const image = await built();
      const run = (timeout: string): Promise<RanStep> =>
        bench.run('step.docker_run', {
          image,
          command: ['sleep', '1000'],
          env: {},
          wait_for_exit: false,
          timeout,
        });
      const { outputs } = (await run('10m')).result;
      const container = bench.engine.getContainer(outputs['container_id'] ?? '');
      expect((await container.inspect()).State.Running).toBe(true);
      expect(outputs['address']).toMatch(/^\d+\.\d+\.\d+\.\d+$/);
      await container.remove({ force: true, v: true });
      await run('1s');
      await eventually(async () => expect(await bench.leftovers()).toEqual([]));
    });

    it('run a plugin with its settings and what it wants to know of the commit', async () => {
      bench.secrets = { HOOK: 'https://hook/s3cret' };
      const image = name();
      await bench.write({ Dockerfile: `FROM ${bench.image}\nENTRYPOINT ["env"]\n` });
      await build([image]);
      const { stdout, log } = await bench.run('step.plugin', {
        image: `docker://${image}`,
        settings: {
          'web-hook': '{{.Secrets.HOOK}}',
          channels: ['a', 'b'],
          dry_run: true,
          nested: { list: [1, { x: 'y' }] },
        },
        env: { EXTRA: '1' },
      });
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining([
          'PLUGIN_WEB_HOOK=***',
          'PLUGIN_CHANNELS=a,b',
          'PLUGIN_DRY_RUN=true',
          'PLUGIN_NESTED={"list":[1,{"x":"y"}]}',
          'EXTRA=1',
          'CI=true',
          'CI_WORKSPACE=/workspace',
          'CI_STEP_NAME=step',
        ]),
      );
      expect(log).not.toContain('s3cret');
    });

    it('are not for the dummy executor', async () => {
      const executor = new DummyExecutor();
      const running = bench.run('step.docker_push', { image: 'x' }, {}, { executor });
      await expect(running).rejects.toThrow(/step.docker_push needs one: .*--executor docker/);
    });
  },
);
