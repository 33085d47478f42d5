import { breakableLine, eventually, startS3, type S3Server } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ObjectStore, Source } from './object-store.js';
import { openStore } from './open-store.js';
import { bytesSource, fetchFile, fileSource } from './transfer.js';

const MiB = 1024 ** 2;

let folder: string;
let s3: S3Server;
const before = { ...process.env };
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hybrid-stores-'));
  s3 = await startS3();
  Object.assign(process.env, s3.env);
});
afterAll(async () => {
  process.env = before;
  await s3.close();
  await rm(folder, { recursive: true });
});

async function textOf(store: ObjectStore, key: string, range?: { offset?: number; length?: number }) {
  const chunks: Buffer[] = [];
  for await (const chunk of (await store.get(key, range)) as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
const text = (content: string) => bytesSource(Buffer.from(content));
async function keysOf(store: ObjectStore, prefix = '') {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}
/** Bytes that end with an error after `length`, as a killed writer's. */
function brokenOff(source: Source, length: number): Source {
  return {
    ...source,
    async *open(offset) {
      let sent = offset;
      for await (const chunk of source.open(offset)) {
        if (sent >= length) throw new Error('broken off');
        yield chunk.subarray(0, length - sent);
        sent += chunk.length;
      }
    },
  };
}

describe.each(['directory', 's3'])('a store in a %s', (kind) => {
  let store: ObjectStore;
  let number = 0;
  beforeEach(async () => {
    const name = `space-${++number}`;
    store = await openStore(kind === 's3' ? s3.url(name) : `file://${folder}/${name}`);
  });

  it('gives back what was stored, whole or a part of it', async () => {
    await store.put('runs/1/log.txt', text('hello world'));
    expect(await textOf(store, 'runs/1/log.txt')).toBe('hello world');
    expect(await textOf(store, 'runs/1/log.txt', { offset: 6 })).toBe('world');
    expect(await textOf(store, 'runs/1/log.txt', { offset: 6, length: 3 })).toBe('wor');
    expect(await textOf(store, 'runs/1/log.txt', { offset: 11 })).toBe('');
    expect(await textOf(store, 'runs/1/log.txt', { offset: 12 })).toBe('');
    expect(await textOf(store, 'runs/1/log.txt', { length: 0 })).toBe('');
    expect(await store.head('runs/1/log.txt')).toMatchObject({ key: 'runs/1/log.txt', size: 11 });
  });

  it('stores nothing at all', async () => {
    await store.put('empty', text(''));
    expect(await store.head('empty')).toMatchObject({ size: 0 });
    expect(await textOf(store, 'empty')).toBe('');
  });

  it('replaces what was there', async () => {
    await store.put('a', text('one'));
    await store.put('a', text('two!'));
    expect(await textOf(store, 'a')).toBe('two!');
    expect(await keysOf(store)).toEqual(['a']);
  });

  it('says what is not there', async () => {
    expect(await store.head('none/of/it')).toBeUndefined();
    await expect(store.get('none/of/it')).rejects.toMatchObject({ fault: 'missing' });
    await store.delete('none/of/it');
    expect(await keysOf(store)).toEqual([]);
  });

  it('lists by prefix, sorted', async () => {
    for (const key of ['b/2', 'a', 'b/1/x', 'bc', 'b/10']) await store.put(key, text(key));
    expect(await keysOf(store)).toEqual(['a', 'b/1/x', 'b/10', 'b/2', 'bc']);
    expect(await keysOf(store, 'b/')).toEqual(['b/1/x', 'b/10', 'b/2']);
    expect(await keysOf(store, 'b/1')).toEqual(['b/1/x', 'b/10']);
    expect(await keysOf(store, 'c')).toEqual([]);
  });

  it('deletes', async () => {
    await store.put('a/b/c', text('x'));
    await store.put('a/d', text('y'));
    await store.delete('a/b/c');
    expect(await store.head('a/b/c')).toBeUndefined();
    expect(await keysOf(store)).toEqual(['a/d']);
    await store.put('a/b/c', text('again'));
    expect(await textOf(store, 'a/b/c')).toBe('again');
  });

  it.each([
    '',
    '/a',
    'a/',
    'a//b',
    '../a',
    'a/../b',
    '.uploads/x',
    'a/.b',
    'a\\b',
    'a\0',
    'a\nb',
    'x'.repeat(201),
  ])('refuses the key %j', async (key) => {
    const refused = { fault: 'refused' };
    await expect(store.put(key, text('x'))).rejects.toMatchObject(refused);
    await expect(store.get(key)).rejects.toMatchObject(refused);
    await expect(store.head(key)).rejects.toMatchObject(refused);
    await expect(store.delete(key)).rejects.toMatchObject(refused);
  });

  it.each([1000, 9 * MiB])('shows nothing of %d bytes that are not the announced ones', async (size) => {
    const bytes = Buffer.alloc(size, 'x');
    await store.put('a', text('before'));
    const wrong = { ...bytesSource(bytes), sha256: 'a'.repeat(64) };
    await expect(store.put('a', wrong)).rejects.toMatchObject({ fault: 'damaged' });
    expect(await textOf(store, 'a')).toBe('before');
    await store.put('a', bytesSource(bytes));
    expect(await store.head('a')).toMatchObject({ size });
  });

  it('keeps one of many that store the same at the same time', async () => {
    const source = bytesSource(randomBytes(9 * MiB));
    await Promise.all([1, 2, 3].map(() => store.put('same', source)));
    const file = join(folder, `same-${kind}`);
    await fetchFile(store, 'same', file, source);
    expect(await keysOf(store)).toEqual(['same']);
  });

  it('goes on with an upload that was broken off', async () => {
    const bytes = randomBytes(30 * MiB);
    const source = bytesSource(bytes);
    const pieces: Source = {
      ...source,
      async *open(offset) {
        for (let at = offset; at < bytes.length; at += MiB) yield bytes.subarray(at, at + MiB);
      },
    };
    await expect(store.put('big', brokenOff(pieces, 20 * MiB))).rejects.toBeDefined();
    expect(await store.head('big')).toBeUndefined();
    const asked: number[] = [];
    const from = s3.requests.length;
    await store.put('big', { ...pieces, open: (offset) => (asked.push(offset), pieces.open(offset)) });
    if (kind === 'directory') expect(asked).toEqual([20 * MiB]);
    else expect(sent(from)).toEqual([3, 4]);
    const file = join(folder, `big-${kind}`);
    await fetchFile(store, 'big', file, source);
    expect((await readFile(file)).equals(bytes)).toBe(true);
  });

  it('does not go on with other bytes', async () => {
    const [one, two] = [randomBytes(20 * MiB), randomBytes(20 * MiB)];
    const pieces = (bytes: Buffer): Source => ({
      ...bytesSource(bytes),
      async *open(offset) {
        for (let at = offset; at < bytes.length; at += MiB) yield bytes.subarray(at, at + MiB);
      },
    });
    await expect(store.put('big', brokenOff(pieces(one), 18 * MiB))).rejects.toBeDefined();
    await store.put('big', pieces(two));
    await fetchFile(store, 'big', join(folder, `other-${kind}`), bytesSource(two));
  });

  it('goes on with a download, and checks what arrived', async () => {
    const bytes = randomBytes(MiB);
    await store.put('a', bytesSource(bytes));
    const file = join(folder, `download-${kind}`);
    await writeFile(file, bytes.subarray(0, 1000));
    await fetchFile(store, 'a', file, bytesSource(bytes));
    expect((await readFile(file)).equals(bytes)).toBe(true);
    await writeFile(file, 'something else');
    await expect(fetchFile(store, 'a', file, bytesSource(bytes))).rejects.toMatchObject({ fault: 'damaged' });
    await fetchFile(store, 'a', file, bytesSource(bytes));
  });

  it('stops when it is told', async () => {
    const stop = new AbortController();
    stop.abort(new Error('told to stop'));
    await expect(store.put('a', text('x'), stop.signal)).rejects.toThrow('told to stop');
    await expect(store.get('a', {}, stop.signal)).rejects.toThrow('told to stop');
  });
});

const matching = (pattern: RegExp) => expect.stringMatching(pattern) as unknown as string;

/** Numbers of the parts that were sent since. */
function sent(from: number): number[] {
  return s3.requests
    .slice(from)
    .flatMap((request) => /^PUT .*partNumber=(\d+)/i.exec(request)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

describe('a directory that others write to', () => {
  it('leads no key through a link to something that is not a file of its own', async () => {
    const root = join(folder, 'linked');
    const store = await openStore(`file://${root}`);
    await store.put('a/b', text('x'));
    await symlink('/etc', join(root, 'a/etc'));
    expect(await keysOf(store)).toEqual(['a/b']);
  });

  it('says what a person must mend', async () => {
    await writeFile(join(folder, 'a-file'), '');
    const store = await openStore(`file://${folder}/a-file`);
    await expect(store.put('a', text('x'))).rejects.toMatchObject({
      fault: 'refused',
      message: matching(/the directory .*a-file could not store a: .*(EEXIST|ENOTDIR)/),
    });
  });

  it('leaves nothing aside of an upload that ended', async () => {
    const root = join(folder, 'tidy');
    const store = await openStore(`file://${root}`);
    await store.put('a', text('x'));
    expect(await readdir(join(root, '.uploads'))).toEqual([]);
  });
});

describe('a bucket behind a line that breaks', () => {
  afterEach(() => void Object.assign(process.env, s3.env));

  it('fetches on from where the line was cut', async () => {
    const line = await breakableLine(s3.port);
    try {
      const direct = await openStore(s3.url('cut'));
      const bytes = randomBytes(24 * MiB);
      await direct.put('big', bytesSource(bytes));
      const store = await openStore(s3.url('cut', line.port));
      const file = join(folder, 'cut');
      const from = s3.requests.length;
      const fetched = fetchFile(store, 'big', file, bytesSource(bytes));
      await eventually(async () => expect((await readFile(file)).length).toBeGreaterThan(0));
      line.cut();
      await fetched;
      expect((await readFile(file)).equals(bytes)).toBe(true);
      expect(s3.requests.slice(from).filter((request) => request.startsWith('GET')).length).toBeLessThan(10);
    } finally {
      await line.close();
    }
  });

  it('says that it is away when nobody answers', async () => {
    const line = await breakableLine(s3.port);
    await line.close();
    const store = await openStore(s3.url('gone', line.port));
    await expect(store.head('a')).rejects.toMatchObject({ fault: 'away' });
  });

  it('says how to mend credentials', async () => {
    Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'nobody' });
    const store = await openStore(s3.url('x'));
    await expect(store.put('a', text('x'))).rejects.toMatchObject({
      fault: 'refused',
      message: matching(/AWS_ACCESS_KEY_ID/),
    });
  });

  it('says that there is no such bucket', async () => {
    const store = await openStore(s3.url('x').replace('s3://artifacts', 's3://no-such-bucket'));
    await expect(store.put('a', text('x'))).rejects.toMatchObject({
      fault: 'refused',
      message: matching(/no such bucket/),
    });
  });
});

it('measures what it sends', async () => {
  const file = join(folder, 'measured');
  await writeFile(file, 'hello');
  const source = await fileSource(file);
  expect(source).toMatchObject({ size: 5, sha256: createHash('sha256').update('hello').digest('hex') });
});
