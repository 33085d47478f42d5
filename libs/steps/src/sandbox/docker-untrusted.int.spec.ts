import { findDockerRegistry, startDockerRegistry, type DockerRegistry } from '@hybrid/servers';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { hashSync } from 'bcryptjs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeWithEngine, type StepBench } from '../../test/step-bench.js';
import { ensureImage } from './docker-image.js';

const PASSWORD = 'correct horse';
const FORK = { untrusted: true };
const missing = await findDockerRegistry().then(
  () => undefined,
  (error: Error) => error.message,
);
const withRegistry = missing === undefined ? it : it.skip;

await describeWithEngine(`Images of a fork's steps${missing ? ` (skipped: ${missing})` : ''}`, (bench) => {
  let home: string;
  let open: DockerRegistry | undefined;
  let closed: DockerRegistry | undefined;
  const images: string[] = [];

  beforeAll(async () => {
    if (missing !== undefined) return;
    home = await mkdtemp(join(tmpdir(), 'hybrid-untrusted-'));
    open = await startDockerRegistry({ dataDir: join(home, 'open') });
    const htpasswd = [`ci:${hashSync(PASSWORD, 4)}`];
    closed = await startDockerRegistry({ dataDir: join(home, 'closed'), htpasswd });
    // A login as the agent's user has it.
    process.env['DOCKER_CONFIG'] = join(home, 'docker');
    await mkdir(join(home, 'docker'));
    const auth = Buffer.from(`ci:${PASSWORD}`).toString('base64');
    await writeFile(
      join(home, 'docker', 'config.json'),
      JSON.stringify({ auths: { [closed.host]: { auth } } }),
    );
  });
  afterAll(async () => {
    delete process.env['DOCKER_CONFIG'];
    for (const image of images)
      await bench.engine
        .getImage(image)
        .remove({ force: true })
        .catch(() => undefined);
    await open?.stop();
    await closed?.stop();
    if (home) await rm(home, { recursive: true, force: true });
  });

  const run = (image: string, spec = FORK) => bench.shell(['cat /greeting'], { image }, spec);

  withRegistry('are not had with a login of the agent', async () => {
    const image = await pushed(bench, closed!, 'private');
    images.push(image);
    const refused = `such steps run images that anybody can pull, with no login of this agent: ${image}`;
    await expect(run(image)).rejects.toThrow(refused);
    expect((await run(image, { untrusted: false })).stdout).toBe('private');
    // It is on the engine now.
    await expect(run(image)).rejects.toThrow(refused);
    const services = [{ name: 'beside', image }];
    await expect(bench.shell(['true'], {}, { ...FORK, services })).rejects.toThrow(refused);
    expect(await bench.leftovers()).toEqual([]);
  });

  withRegistry('are those of the registry, whatever the engine calls so', async () => {
    const image = await pushed(bench, open!, 'public');
    const built = await make(bench, 'built here');
    await bench.engine.getImage(built).tag({ repo: image.replace(/:1$/, ''), tag: '1' });
    images.push(image, built);
    const services = [{ name: 'beside', image, command: ['sleep', '100'] }];
    const { stdout } = await bench.shell(['cat /greeting'], { image }, { ...FORK, services });
    expect(stdout).toBe('public');
    const { Id } = await ensureImage(bench.engine, built, () => undefined, new AbortController().signal);
    expect((await bench.engine.getImage(image).inspect()).Id).toBe(Id);
    const all = await bench.engine.listImages({ digests: true });
    const digests = all.flatMap(({ RepoDigests }) => RepoDigests ?? []);
    images.push(...digests.filter((digest) => digest.startsWith(open!.host)));
  });

  withRegistry('need no registry where the agent itself names them', async () => {
    expect((await bench.shell(['echo ran'], {}, FORK)).stdout).toBe('ran');
  });
});

let serial = 0;

/** An image that is on the engine alone. */
async function make(bench: StepBench, greeting: string): Promise<string> {
  const image = `hybrid-test-${process.pid}-greets${serial++}:1`;
  await bench.write({ Dockerfile: `FROM ${bench.image}\nRUN echo "${greeting}" > /greeting\n` });
  await bench.run('step.docker_build', { context: '/workspace', dockerfile: 'Dockerfile', tags: [image] });
  return image;
}

/** An image that is in the registry alone. */
async function pushed(bench: StepBench, registry: DockerRegistry, greeting: string): Promise<string> {
  const image = await make(bench, greeting);
  bench.secrets = { REGISTRY: PASSWORD };
  await bench.run('step.docker_push', {
    image,
    registry: registry.host,
    auth_provider: 'basic',
    username: 'ci',
    password: '{{.Secrets.REGISTRY}}',
  });
  bench.secrets = {};
  await bench.engine.getImage(image).remove({ force: true });
  return `${registry.host}/${image}`;
}
