import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const cli = join(root, 'dist/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'hybrid-cli-store-'));

beforeAll(async () => {
  await makeStore(join(folder, 'event-store'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('hybrid store', () => {
  it('finds the store of npm start, and passes on what its program prints', async () => {
    const { code, stdout } = await hybrid(['store', 'verify'], { HYBRID_DATA: folder });
    expect(stdout).toMatch(/event-store is sound: 0 events in 0 streams/);
    expect(code).toBe(0);
  });

  it('passes on exit codes and reasons', async () => {
    const nowhere = join(folder, 'nowhere');
    for (const args of [
      ['store', 'verify', '--data', nowhere],
      ['store', 'backup', join(folder, 'b'), '--data', nowhere],
    ])
      expect(await hybrid(args)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(`There is no store in ${nowhere}`),
      });
    expect(await hybrid(['store', 'backup'])).toMatchObject({ code: 2 });
    expect(await hybrid(['store', 'mend'])).toMatchObject({ code: 2 });
  });

  it('says how to get the program when it is not there', async () => {
    // Two levels down, so that there is nothing beside it; within dist, so that it finds its packages.
    const lonely = mkdtempSync(join(root, 'dist', 'cli-alone-'));
    try {
      const program = join(lonely, 'cli', 'main.js');
      cpSync(dirname(cli), dirname(program), { recursive: true });
      expect(await hybrid(['store', 'verify'], {}, program)).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/program is not at .*event-store\/main\.js: build it with/),
      });
    } finally {
      rmSync(lonely, { recursive: true });
    }
  });
});

/** A store without events, made by a server that is stopped again. */
async function makeStore(directory: string): Promise<void> {
  const server = spawn(process.execPath, [join(root, 'dist/event-store/main.js')], {
    env: { PATH: process.env['PATH'], EVENT_STORE_DATA: directory, EVENT_STORE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => server.once('exit', resolve));
  await Promise.race([new Promise((resolve) => server.stdout.once('data', resolve)), ended]);
  server.kill('SIGTERM');
  expect(await ended).toBe(0);
}

async function hybrid(args: string[], environment: Record<string, string> = {}, program = cli) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env['PATH'], ...environment };
    execFile(process.execPath, [program, ...args], { env, cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}
