import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openDataDirectory } from './data-directory.js';

describe('the data directory', () => {
  let parent: string;
  let path: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'hybrid-data-'));
    path = join(parent, 'data');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(parent, { recursive: true, force: true });
  });
  const mode = async (name: string) => (await stat(join(path, name))).mode & 0o777;

  it('keeps tokens for their owner, and the same ones at the next start', async () => {
    const first = await openDataDirectory(path, undefined);
    const token = await readFile(first.adminTokenFile, 'utf8');
    expect(token).toMatch(/^[0-9a-f]{64}\n$/);
    expect([await mode('admin-token'), await mode('join-token')]).toEqual([0o600, 0o600]);
    expect(await mode('logs')).toBe(0o700);
    first.release();
    const second = await openDataDirectory(path, undefined);
    expect(await readFile(second.adminTokenFile, 'utf8')).toBe(token);
    second.release();
  });

  it('takes the token of the settings', async () => {
    const data = await openDataDirectory(path, 'chosen');
    expect(await readFile(data.adminTokenFile, 'utf8')).toBe('chosen\n');
    expect(await mode('admin-token')).toBe(0o600);
    data.release();
  });

  it('is refused while another launcher has it, and taken over from one that was killed', async () => {
    const data = await openDataDirectory(path, undefined);
    await expect(openDataDirectory(path, undefined)).rejects.toThrow(
      `is in use by another \`npm start\` (process ${process.pid}): stop that one, or set HYBRID_DATA`,
    );
    data.release();
    const dead = spawn(process.execPath, ['-e', '']);
    await once(dead, 'exit');
    await writeFile(join(path, 'launcher.lock'), JSON.stringify({ pid: dead.pid, started: '1' }));
    (await openDataDirectory(path, undefined)).release();
  });

  it('is taken over when the id of the killed launcher belongs to another process by now', async () => {
    (await openDataDirectory(path, undefined)).release();
    const other = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
    children.push(other);
    await writeFile(join(path, 'launcher.lock'), JSON.stringify({ pid: other.pid, started: '1' }));
    (await openDataDirectory(path, undefined)).release();
  });

  it('is refused with the remedy where it cannot be made', async () => {
    const file = join(parent, 'file');
    await writeFile(file, '');
    await expect(openDataDirectory(join(file, 'data'), undefined)).rejects.toThrow(
      /cannot be used for data \(.*\): set HYBRID_DATA to a directory that you may write to/,
    );
    await expect(openDataDirectory('/proc/hybrid/data', undefined)).rejects.toThrow('set HYBRID_DATA');
  });
});
