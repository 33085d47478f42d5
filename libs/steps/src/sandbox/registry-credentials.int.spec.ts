import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { credentialsFor } from './registry-credentials.js';

const { PATH, DOCKER_CONFIG } = process.env;
let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'hybrid-credentials-'));
  Object.assign(process.env, { PATH: `${home}${delimiter}${PATH}`, DOCKER_CONFIG: home });
});
afterAll(async () => {
  process.env['PATH'] = PATH;
  if (DOCKER_CONFIG === undefined) delete process.env['DOCKER_CONFIG'];
  else process.env['DOCKER_CONFIG'] = DOCKER_CONFIG;
  await rm(home, { recursive: true, force: true });
});

it('shows nothing of what a helper answers that speaks no JSON', async () => {
  const helper = join(home, 'docker-credential-plain');
  await writeFile(helper, '#!/bin/sh\necho hunter22\n');
  await chmod(helper, 0o755);
  const asked = credentialsFor('registry.example.com', 'plain');
  await expect(asked).rejects.toThrow('docker-credential-plain answers something else than JSON');
  await expect(asked).rejects.not.toThrow(/hunt/);
});
