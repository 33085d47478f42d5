import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonEvent } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { EventStoreProcesses } from '../../test/event-store-process.js';

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

describe('a served store', () => {
  it('finds by itself, at intervals, damage that no read has met', async () => {
    const directory = await processes.directory();
    const launched = await processes.launch({
      EVENT_STORE_DATA: directory,
      EVENT_STORE_HEALTH_PORT: '0',
      EVENT_STORE_VERIFY_HOURS: '0.0002',
    });
    const client = (await processes.started(launched)).client();
    for (const text of ['first', 'needle', 'last'])
      await client.appendToStream('s', jsonEvent({ type: 'Tried', data: { text } }));
    const { healthPort } = JSON.parse(launched.stdout) as { healthPort: number };
    const health = async () => (await fetch(`http://127.0.0.1:${healthPort}/health/live`)).status;
    expect(await health()).toBe(200);

    const path = join(directory, 'data.mdb');
    const bytes = await readFile(path);
    const file = await open(path, 'r+');
    for (let at = bytes.indexOf('needle'); at >= 0; at = bytes.indexOf('needle', at + 1))
      await file.write('N', at);
    await file.close();

    await eventually(async () => expect(await health()).toBe(503));
    await eventually(() =>
      expect(launched.stderr).toMatch(
        /is damaged .*at 1 place:\s+The stored record of position 2 is damaged/,
      ),
    );
    expect(await launched.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});
