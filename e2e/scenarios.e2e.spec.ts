import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findDockerRegistry, freePort, startDockerRegistry, type DockerRegistry } from '@hybrid/servers';
import { engineForTests, importBusybox } from '@hybrid/testing';
import { hashSync } from 'bcryptjs';
import type Docker from 'dockerode';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scenarios } from './scenario/scenario.js';
import { play, type Stage } from './scenario/stage.js';
import { startSystem, type System } from './system.js';

const SECRET = 'canary-5f3e9c1b7a2d4e68c';
const REGISTRY_PASSWORD = 'canary-registry-8d1f';
const mine = `hybrid-test-${process.pid}`;
const engine = await engineForTests();
const noRegistry = await findDockerRegistry().then(
  () => undefined,
  (error: Error) => error.message,
);
const inProcesses = scenarios.filter(({ scenario }) => !scenario.docker);
const inContainers = scenarios.filter(({ scenario }) => scenario.docker);

describe('scenarios', () => {
  let system: System;
  let stage: Stage;
  beforeAll(async () => {
    system = await startSystem();
    await system.startAgent('agent-1', { capacity: 4, env: { HYBRID_SECRET_API_KEY: SECRET } });
    const key = await system.admin<{ key: string }>('POST /api/keys', {
      json: { name: 'scenarios', roles: [{ role: 'developer' }] },
    });
    expect(key).toMatchObject({ status: 201 });
    stage = { system, developerToken: key.body.key, given: {} };
  });
  afterAll(() => system?.stop());

  it.each(inProcesses.map((files) => [files.name, files] as const))('%s', (_, files) => play(stage, files));

  describe('in containers', () => {
    if ('reason' in engine) {
      it.skip(`not tested: ${engine.reason}`, () => undefined);
      return;
    }
    const docker = engine.engine;
    let registry: DockerRegistry | undefined;
    let given: Record<string, unknown>;
    beforeAll(async () => {
      const dataDir = join(system.platform.directory, 'registry');
      if (!noRegistry)
        registry = await startDockerRegistry({ dataDir, htpasswd: [`ci:${hashSync(REGISTRY_PASSWORD, 4)}`] });
      const image = await importBusybox(docker);
      const plugin = await makePlugin(docker, image);
      given = { image, plugin, name: `${mine}-greet`, port: String(await freePort()) };
      if (registry) given['registry'] = `${registry.host}/scenario`;
      const dockerConfig = await signedIn(join(system.platform.directory, 'docker'), registry);
      await system.startAgent('agent-docker', {
        capacity: 4,
        args: [
          ...['--pool', 'docker', '--executor', 'docker', '--default-image', image],
          ...['--deploy-to', 'staging'],
        ],
        env: { HYBRID_SECRET_REGISTRY_PASSWORD: REGISTRY_PASSWORD, DOCKER_CONFIG: dockerConfig },
      });
    });
    afterAll(async () => {
      await removeMine(docker, registry);
      await registry?.stop();
    });

    for (const files of inContainers)
      if (files.scenario.docker === 'registry' && noRegistry)
        it.skip(`${files.name}: not tested: ${noRegistry}`, () => undefined);
      else it(files.name, () => play({ ...stage, given }, files));
  });
});

/** An image of the kind that `uses: docker://…` names: its program reads PLUGIN_* variables. */
async function makePlugin(docker: Docker, image: string): Promise<string> {
  const says = 'echo "channel=$PLUGIN_CHANNEL tags=$PLUGIN_TAGS mention=$PLUGIN_MENTION_ALL"';
  const container = await docker.createContainer({ Image: image, Cmd: ['true'] });
  try {
    const changes = `ENTRYPOINT ${JSON.stringify(['sh', '-c', says])}`;
    await container.commit({ repo: `${mine}-plugin`, tag: '1', changes });
    return `${mine}-plugin:1`;
  } finally {
    await container.remove();
  }
}

/** The agent's user, as after `docker login`: what was pushed is pulled with it. */
async function signedIn(directory: string, registry: DockerRegistry | undefined): Promise<string> {
  const auth = Buffer.from(`ci:${REGISTRY_PASSWORD}`).toString('base64');
  await mkdir(directory);
  await writeFile(
    join(directory, 'config.json'),
    JSON.stringify({ auths: registry ? { [registry.host]: { auth } } : {} }),
    { mode: 0o600 },
  );
  return directory;
}

/** What the scenarios deployed, built and pulled. */
async function removeMine(docker: Docker, registry: DockerRegistry | undefined): Promise<void> {
  const ours = (name = ''): boolean =>
    name.startsWith(mine) || (registry !== undefined && name.startsWith(registry.host));
  for (const { Id, Image } of await docker.listContainers({ all: true }))
    if (ours(Image)) await docker.getContainer(Id).remove({ force: true });
  for (const { RepoTags, RepoDigests } of await docker.listImages())
    for (const name of [...(RepoTags ?? []), ...(RepoDigests ?? [])])
      if (ours(name)) await docker.getImage(name).remove({ force: true });
}
