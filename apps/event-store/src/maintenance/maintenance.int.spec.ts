import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ANY, jsonEvent, type EventStoreDBClient } from '@eventstore/db-client';
import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import { EventStoreProcesses } from '../../test/event-store-process.js';
import { builtProgram } from '../../test/launched-process.js';
import { checkHead } from './head-check.js';
import { verifyStore } from './verify.js';

const processes = new EventStoreProcesses();
afterEach(() => processes.release());

describe('a backup', () => {
  it('of a served store under load is sound, restores, and has every event acknowledged before', async () => {
    const directory = await processes.directory();
    const store = await processes.start(directory);
    const client = store.client();
    const load = writeUntilStopped(client);
    await load.acknowledged(200);
    const before = load.count;

    expect(await run(directory, 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is sound'),
    });
    const backup = join(await processes.directory(), 'backup');
    expect(await run(directory, 'backup', backup)).toMatchObject({ code: 0 });
    expect(await run(directory, 'verify')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is sound'),
    });
    await load.stop();
    expect((await readdir(backup)).sort()).toEqual(['backup.json', 'data.mdb']);
    expect(await readdir(dirname(backup))).toEqual(['backup']);
    expect(await run(directory, 'verify', backup)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is sound'),
    });
    expect((await readdir(backup)).sort()).toEqual(['backup.json', 'data.mdb']);

    const restored = join(await processes.directory(), 'new', 'data');
    expect(await run(restored, 'restore', backup)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^restored \d+ events in 5 streams, as of /),
    });
    const manifest = JSON.parse(await readFile(join(backup, 'backup.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const again = await processes.start(restored);
    const [copied, all] = [await readAll(again.client()), await readAll(client)];
    expect(copied.length).toBeGreaterThanOrEqual(before);
    expect(copied).toHaveLength(manifest['lastPosition'] as number);
    expect(copied).toEqual(all.slice(0, copied.length));
    expect(again.process.stderr).toContain('after a clean stop');
    await again.client().appendToStream('s-0', jsonEvent({ type: 'Tried', data: {} }));
  });

  it('is never made over something else, nor of nothing, nor of a damaged store', async () => {
    const directory = await filled();
    const target = await processes.directory();
    expect(await run(directory, 'backup', target)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${target} exists`),
    });
    const empty = await processes.directory();
    expect(await run(empty, 'backup', join(target, 'b'))).toMatchObject({ code: 1 });

    await damage(directory);
    const refused = await run(directory, 'backup', join(target, 'b'));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('The copy is damaged') });
    expect(await readdir(target)).toEqual([]);
  });
});

describe('a backup that is killed', () => {
  it('is not there, or is whole', async () => {
    const directory = await filled();
    const [program, folder] = [await builtProgram(), await processes.directory()];
    const backup = join(folder, 'backup');
    for (let attempt = 0; attempt < 5; attempt++) {
      const env = { PATH: process.env['PATH'], EVENT_STORE_DATA: directory };
      const child = spawn(process.execPath, [program, 'backup', backup], { env, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('exit', resolve));
      // As soon as it has begun, and each time a little later.
      await eventually(async () => expect(await readdir(folder)).not.toEqual([]));
      for (let turn = 0; turn < attempt * 20; turn++) await new Promise(setImmediate);
      child.kill('SIGKILL');
      await ended;
      if (existsSync(backup))
        expect(await run(directory, 'verify', backup)).toMatchObject({ code: 0, stderr: '' });
      for (const name of await readdir(folder)) {
        if (name !== 'backup') expect(name).toMatch(/^backup\.unfinished\.\d+$/);
        await rm(join(folder, name), { recursive: true });
      }
    }
    expect(await run(directory, 'backup', backup)).toMatchObject({ code: 0 });
  });
});

describe('a restore', () => {
  it('refuses a directory in use or with a store in it, and a backup that was changed', async () => {
    const directory = await filled();
    const backup = join(await processes.directory(), 'backup');
    await run(directory, 'backup', backup);
    expect(await run(directory, 'restore', backup)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not empty'),
    });
    await processes.start(directory);
    expect(await run(directory, 'restore', backup)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is in use'),
    });

    await damage(backup);
    const target = await processes.directory();
    expect(await run(target, 'restore', backup)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is not the file that was backed up'),
    });
    expect(await readdir(target)).toEqual([]);
    expect(await run(directory, 'verify', backup)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('its SHA-256 differs'),
    });
  });

  it('that was interrupted is neither served nor in the way of the next', async () => {
    const directory = await filled();
    const backup = join(await processes.directory(), 'backup');
    await run(directory, 'backup', backup);
    const target = await processes.directory();
    await mkdir(join(target, 'restoring'));
    await cp(join(backup, 'data.mdb'), join(target, 'restoring', 'data.mdb'));
    const launched = await processes.launch({ EVENT_STORE_DATA: target });
    expect(await launched.exited).toMatchObject({ code: 1 });
    expect(launched.stderr).toContain('a restore was interrupted');
    expect(existsSync(join(target, 'data.mdb'))).toBe(false);
    expect(await run(target, 'restore', backup)).toMatchObject({ code: 0 });
    expect(await run(target, 'verify')).toMatchObject({ code: 0 });
  });
});

describe('verify', () => {
  it('never calls damaged what is only being written', async () => {
    const directory = await processes.directory();
    const store = await processes.start(directory);
    const load = writeUntilStopped(store.client());
    await load.acknowledged(2);
    for (let turn = 0; turn < 60; turn++) {
      // Between two turns of the writers the server commits what they sent.
      for (let look = 0; look < 20; look++) expect(() => checkHead(directory)).not.toThrow();
      expect((await verifyStore(directory)).findings.named).toEqual([]);
      await load.acknowledged(load.count + 2);
    }
    await load.stop();
  });

  it('names what is damaged, and ends with 1', async () => {
    const directory = await filled();
    await damage(directory);
    expect(await run(directory, 'verify')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/is damaged .*, at 1 place:\n {2}.*position 3 is damaged: its checksum/),
    });
  });

  it.each([
    ['an unknown command', ['mend'], 2, /There is no command 'mend'[^]*usage:/],
    ['too many arguments', ['verify', 'a', 'b'], 2, /takes one argument/],
    ['no target', ['backup'], 2, /which directory to/],
    ['no store', ['verify'], 1, /There is no store in .*: data\.mdb is missing/],
    ['no backup', ['restore', '/nowhere'], 1, /\/nowhere is no backup/],
  ])('explains %s', async (_name, args, code, message) => {
    const result = await run(await processes.directory(), ...args);
    expect(result).toMatchObject({ code, stderr: expect.stringMatching(message) });
  });
});

/** A stopped store with a few events. */
async function filled(): Promise<string> {
  const directory = await processes.directory();
  const store = await processes.start(directory);
  const client = store.client();
  for (let n = 0; n < 5; n++)
    await client.appendToStream('s', jsonEvent({ type: 'Tried', data: { mark: `mark-${n}` } }));
  await store.process.kill('SIGTERM');
  return directory;
}

/** Changes a byte of the third event, in every copy of its page. */
async function damage(directory: string): Promise<void> {
  const path = join(directory, 'data.mdb');
  const file = await readFile(path);
  for (let at = file.indexOf('mark-2'); at >= 0; at = file.indexOf('mark-2', at + 1)) file.write('n', at);
  await writeFile(path, file);
}

function writeUntilStopped(client: EventStoreDBClient) {
  const load = { count: 0, stopped: false };
  const writers = Array.from({ length: 5 }, async (_, writer) => {
    while (!load.stopped) {
      const events = [1, 2].map((n) => jsonEvent({ type: 'Tried', data: { n, count: load.count } }));
      await client.appendToStream(`s-${writer}`, events, { expectedRevision: ANY });
      load.count += 2;
    }
  });
  return {
    get count() {
      return load.count;
    },
    acknowledged: (count: number) => eventually(() => expect(load.count).toBeGreaterThanOrEqual(count)),
    stop: async () => {
      load.stopped = true;
      await Promise.all(writers);
    },
  };
}

async function readAll(client: EventStoreDBClient) {
  const all = [];
  for await (const { event } of client.readAll())
    if (event) all.push({ id: event.id, stream: event.streamId, revision: event.revision, data: event.data });
  return all;
}

/** Runs a command of the program. */
async function run(directory: string, ...args: string[]) {
  const program = await builtProgram();
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { PATH: process.env['PATH'], EVENT_STORE_DATA: directory };
    execFile(process.execPath, [program, ...args], { env }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });
}
