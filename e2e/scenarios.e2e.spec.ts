import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@hybrid/servers';
import { engineForTests, importBusybox } from '@hybrid/testing';
import { scenarios } from './scenario/scenario.js';
import { play, type Stage } from './scenario/stage.js';
import { startSystem, type System } from './system.js';

const SECRET = 'canary-5f3e9c1b7a2d4e68c';
const engine = await engineForTests();
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
    let image: string;
    beforeAll(async () => {
      image = await importBusybox(engine.engine);
      await system.startAgent('agent-docker', {
        capacity: 2,
        args: ['--pool', 'docker', '--executor', 'docker', '--default-image', image],
      });
    });
    afterAll(() => engine.engine.getImage(image).remove({ force: true }));

    it.each(inContainers.map((files) => [files.name, files] as const))('%s', async (_, files) =>
      play({ ...stage, given: { image, port: await freePort() } }, files),
    );
  });
});
