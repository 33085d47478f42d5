import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { identityOf } from '../sandbox/process-identity.js';
import { DataDirectory, DataDirectoryError } from './data-directory.js';

describe('DataDirectory', () => {
  let home: string;
  const open = (path = join(home, 'data')): Promise<DataDirectory> =>
    DataDirectory.open(path, 'agent', '--data');

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'hybrid-data-'));
  });
  afterEach(() => rmSync(home, { recursive: true }));

  it('is its owner’s alone, and so are its files', async () => {
    const data = await open();
    await data.write('key', 'one');
    await data.write('key', 'two');
    expect(await data.read('key')).toBe('two');
    expect(statSync(data.path).mode & 0o777).toBe(0o700);
    expect(statSync(join(data.path, 'key')).mode & 0o777).toBe(0o600);
    await data.remove('key');
    expect(await data.read('key')).toBeUndefined();
  });

  it('is refused while another process uses it, and taken when that is gone', async () => {
    const data = await open();
    await data.write('owner', await identityOf(process.ppid));
    await expect(open()).rejects.toThrow(
      `another agent (process ${process.ppid}) uses ${data.path}: give this one another --data`,
    );
    await data.write('owner', `${process.ppid} 1`);
    expect(await (await open()).read('owner')).toBe(await identityOf(process.pid));
  });

  it('says which setting names what cannot be used', async () => {
    const file = join(home, 'file');
    writeFileSync(file, '');
    await expect(open(file)).rejects.toThrow(DataDirectoryError);
    await expect(open(file)).rejects.toThrow(/^--data .*file cannot be used \(.+\): name a folder/);
  });
});
