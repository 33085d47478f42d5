import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { startProcess } from './process.js';
import { ProcessFailedError } from './errors.js';

const node = (script: string) => ({ name: 'child', command: process.execPath, args: ['-e', script] });

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a child process', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-process-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it('answers what its ready line says, and stops when asked', async () => {
    const child = await startProcess(
      node(
        `console.log('hello'); console.log(JSON.stringify({ready: true, port: 7})); setInterval(() => {}, 1000)`,
      ),
    );
    expect(await child.ready).toEqual({ ready: true, port: 7 });
    expect(await child.stop()).toEqual({ code: null, signal: 'SIGTERM' });
    expect(isAlive(child.pid)).toBe(false);
  });

  it('is killed when it does not stop in time', async () => {
    const child = await startProcess(
      node(`process.on('SIGTERM', () => {}); console.log('{"ready":true}'); setInterval(() => {}, 1000)`),
    );
    await child.ready;
    expect(await child.stop('SIGTERM', 100)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('says its exit code and last words when it ends before it is ready', async () => {
    const child = await startProcess(node(`console.error('no such database'); process.exitCode = 3`));
    await expect(child.ready).rejects.toThrow(ProcessFailedError);
    await expect(child.ready).rejects.toThrow(
      /child ended before it was ready, with exit code 3[^]*no such database/,
    );
  });

  it('is killed when it is not ready in time', async () => {
    const child = await startProcess({ ...node('setInterval(() => {}, 1000)'), readyTimeoutMs: 100 });
    await expect(child.ready).rejects.toThrow('was not ready within 0.1 s');
    expect((await child.exited).signal).toBe('SIGKILL');
  });

  it('reports a program that does not exist', async () => {
    const child = startProcess({ name: 'ghost', command: join(directory, 'missing') }).then(
      ({ ready }) => ready,
    );
    await expect(child).rejects.toThrow(/^ghost /);
  });

  it('keeps the log of the start before', async () => {
    const log = join(directory, 'logs', 'child.log');
    for (const word of ['first', 'second']) {
      const child = await startProcess({ ...node(`console.log('${word}')`), log });
      await child.exited;
    }
    await eventually(async () => expect(await readFile(log, 'utf8')).toBe('second\n'));
    expect(await readFile(`${log}.1`, 'utf8')).toBe('first\n');
  });

  const onLinux = process.platform === 'linux' ? it : it.skip;
  onLinux('ends when its parent is killed', async () => {
    const bundle = new URL('./process.ts', import.meta.url).pathname;
    const outfile = join(directory, 'parent.mjs');
    const root = new URL('../../../', import.meta.url).pathname;
    await promisify(execFile)(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `
        import { rolldown } from 'rolldown';
        const bundle = await rolldown({ input: ${JSON.stringify(bundle)}, platform: 'node' });
        await bundle.write({ file: ${JSON.stringify(outfile)}, format: 'esm' });
      `,
      ],
      { cwd: root },
    );
    const parent = await startProcess({
      name: 'parent',
      command: process.execPath,
      args: [
        '--input-type=module',
        '-e',
        `
        import { startProcess } from ${JSON.stringify(outfile)};
        const child = await startProcess({ name: 'grandchild', command: process.execPath,
          args: ['-e', 'console.log(JSON.stringify({ready: true})); setInterval(() => {}, 1000)'] });
        await child.ready;
        console.log(JSON.stringify({ ready: true, pid: child.pid }));
        setInterval(() => {}, 1000);
      `,
      ],
    });
    const grandchild = (await parent.ready)['pid'] as number;
    expect(isAlive(grandchild)).toBe(true);
    await parent.kill();
    await eventually(() => expect(isAlive(grandchild)).toBe(false));
  });
});
