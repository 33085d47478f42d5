import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { DirectoryStore, StoreProblem, type ObjectStore } from '@hybrid/stores';
import { eventually } from '@hybrid/testing';
import { appendFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CustomerLog } from './customer-log.js';

/** A line of a MiB, so that a few make a part. */
const LONG = Buffer.from(`${JSON.stringify({ text: 'x'.repeat(1024 ** 2) })}\n`);

describe('a log on its way to its customer', () => {
  let home: string;
  let store: ObjectStore;
  let notices: string[];
  const logs: CustomerLog[] = [];

  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'hybrid-customer-log-'));
    store = new DirectoryStore(join(home, 'store'));
    notices = [];
  });
  afterEach(async () => {
    for (const log of logs.splice(0)) log.close();
    await rm(home, { recursive: true, force: true });
  });

  function open(): CustomerLog {
    const log = new CustomerLog(join(home, 'attempt'), 'job/1', store, (text) => notices.push(text));
    logs.push(log);
    return log;
  }

  async function keys(): Promise<string[]> {
    const found: string[] = [];
    for await (const { key } of store.list('')) found.push(key);
    return found;
  }

  it('is stored in parts while it grows, and as one in the end', async () => {
    const log = open();
    for (let line = 0; line < 9; line++) await log.write(LONG);
    await eventually(async () => expect((await keys()).length).toBeGreaterThanOrEqual(2));
    expect((await keys())[0]).toBe('job/1.parts/000000.ndjson.gz');
    const { lines, location } = await log.finish();
    expect([lines, location]).toEqual([9, `${store.location}/job/1.ndjson.gz`]);
    expect(await keys()).toEqual(['job/1.ndjson.gz']);
    const whole = gunzipSync(await readFile(join(home, 'store', 'job', '1.ndjson.gz')));
    expect(whole.equals(Buffer.concat(Array.from({ length: 9 }, () => LONG)))).toBe(true);
    expect(notices).toEqual([]);
  });

  it('is gone on with after a crash, without the line that was torn', async () => {
    const before = open();
    for (let line = 0; line < 5; line++) await before.write(LONG);
    await eventually(async () => expect(await keys()).toHaveLength(1));
    await before.write(Buffer.from('{"text":"last"}\n'));
    before.close();
    await appendFile(join(home, 'attempt', 'log', 'open.ndjson'), '{"text":"to');
    const after = open();
    await after.write(Buffer.from('{"text":"after"}\n'));
    expect(await after.finish()).toMatchObject({ lines: 7 });
    const rows = gunzipSync(await readFile(join(home, 'store', 'job', '1.ndjson.gz')))
      .toString()
      .split('\n');
    expect(rows.slice(-3)).toEqual(['{"text":"last"}', '{"text":"after"}', '']);
  });

  it('says once that its store is away, and gives up after a while', async () => {
    const away = new StoreProblem('away', 'the store is away');
    store = Object.assign(store, { put: () => Promise.reject(away) });
    const log = open();
    for (let line = 0; line < 12; line++) await log.write(LONG);
    await expect(log.finish(100)).rejects.toThrow(/is away for too long/);
    expect(notices).toEqual([expect.stringContaining('the store is away')]);
    expect(await readdir(join(home, 'attempt', 'log'))).not.toEqual([]);
  });
});
