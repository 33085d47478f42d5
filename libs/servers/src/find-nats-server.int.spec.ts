import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findNatsServer } from './find-nats-server.js';
import { findProgram } from './programs.js';

describe('the nats-server program', () => {
  let cacheDir: string;
  const setting = process.env['HYBRID_NATS_SERVER'];
  beforeEach(async () => {
    delete process.env['HYBRID_NATS_SERVER'];
    cacheDir = await mkdtemp(join(tmpdir(), 'hybrid-find-nats-'));
  });
  afterEach(async () => {
    if (setting !== undefined) process.env['HYBRID_NATS_SERVER'] = setting;
    else delete process.env['HYBRID_NATS_SERVER'];
    await rm(cacheDir, { recursive: true, force: true });
  });

  it('is the one that HYBRID_NATS_SERVER names, or an error that says so', async () => {
    process.env['HYBRID_NATS_SERVER'] = process.execPath;
    expect(await findNatsServer()).toBe(process.execPath);
    process.env['HYBRID_NATS_SERVER'] = join(cacheDir, 'missing');
    await expect(findNatsServer()).rejects.toThrow(
      /HYBRID_NATS_SERVER is .*missing, which is not an executable file/,
    );
  });

  const whereAptIs = findProgram('apt-get') ? it : it.skip;
  whereAptIs(
    'is fetched as a Debian package, once, where the machine has none',
    async () => {
      const said: string[] = [];
      const path = await findNatsServer((text) => said.push(text), { installed: false, cacheDir });
      const { stdout } = await promisify(execFile)(path, ['--version']);
      expect(stdout).toMatch(/^nats-server: v2\./);
      expect(await readdir(cacheDir)).toEqual(['nats-server']);
      expect(said[0]).toContain('fetching');
      const before = said.length;
      expect(await findNatsServer((text) => said.push(text), { installed: false, cacheDir })).toBe(path);
      expect(said).toHaveLength(before);
    },
    300_000,
  );
});
