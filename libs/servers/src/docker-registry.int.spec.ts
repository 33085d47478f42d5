import { hashSync } from 'bcryptjs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findDockerRegistry, startDockerRegistry, type DockerRegistry } from './docker-registry.js';

const missing = await findDockerRegistry().then(
  () => undefined,
  (error: Error) => error.message,
);

(missing ? describe.skip : describe)(
  `the registry of images${missing ? ` (skipped: ${missing})` : ''}`,
  () => {
    let dataDir: string;
    let registry: DockerRegistry;
    beforeAll(async () => {
      dataDir = await mkdtemp(join(tmpdir(), 'hybrid-registry-'));
      registry = await startDockerRegistry({ dataDir, htpasswd: [`ci:${hashSync('s3cret', 4)}`] });
    });
    afterAll(async () => {
      await registry?.stop();
      await rm(dataDir, { recursive: true, force: true });
    });

    it('answers those who may, also after a restart', async () => {
      const status = async (user?: string): Promise<number> => {
        const headers = user ? { authorization: `Basic ${Buffer.from(user).toString('base64')}` } : undefined;
        return (await fetch(`${registry.url}/v2/`, { headers })).status;
      };
      expect(await status()).toBe(401);
      expect(await status('ci:wrong')).toBe(401);
      expect(await status('ci:s3cret')).toBe(200);
      await registry.restart();
      expect(await status('ci:s3cret')).toBe(200);
    });
  },
);
