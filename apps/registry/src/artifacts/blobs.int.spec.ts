import { openStore } from '@hybrid/stores';
import { startS3, type S3Server } from '@hybrid/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobBucket } from './blob-bucket.js';
import { BlobDirectory } from './blob-directory.js';
import type { BlobAddress, Blobs } from './blobs.js';
import { openBlobs } from './open-blobs.js';

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');
const bytes = (text: string) => new TextEncoder().encode(text);

let s3: S3Server;
const before = { ...process.env };
beforeAll(async () => {
  s3 = await startS3();
  Object.assign(process.env, s3.env);
});
afterAll(async () => {
  process.env = before;
  await s3.close();
});

describe.each(['directory', 'bucket'])('blobs in a %s', (kind) => {
  let directory: string;
  let blobs: Blobs;
  let files: () => Promise<string[]>;
  let number = 0;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-blobs-'));
    if (kind === 'directory') {
      blobs = new BlobDirectory(join(directory, 'root'));
      files = async () =>
        (await readdir(directory, { recursive: true, withFileTypes: true }))
          .filter((entry) => entry.isFile())
          .map(({ name }) => name);
    } else {
      const store = await openStore(s3.url(`blobs-${++number}`));
      blobs = new BlobBucket(store);
      files = async () => {
        const keys: string[] = [];
        for await (const { key } of store.list('')) keys.push(key);
        return keys;
      };
    }
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const address = (text: string, more: Partial<BlobAddress> = {}): BlobAddress => ({
    org: 'acme',
    executionId: 'run-1',
    artifactId: '7f0c5a56-6e0e-4f2c-9a3e-2f0f4a9a7b11',
    sha256: sha256Of(text),
    ...more,
  });
  const read = async (at: BlobAddress, offset = 0, length = 100) =>
    new TextDecoder().decode(await blobs.read(at, offset, length));
  it('puts chunks together, in whatever order and however often they come', async () => {
    await blobs.write('acme', 'up', 5, bytes(' world'));
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await blobs.write('acme', 'up', 5, bytes(' world'));
    const at = address('hello world');
    await blobs.commit('up', at, 11);
    expect(await read(at)).toBe('hello world');
    expect(await read(at, 6, 3)).toBe('wor');
    expect(await read(at, 11)).toBe('');
  });

  it('refuses bytes that are not the announced ones, and forgets them', async () => {
    for (const [text, announced, size] of [
      ['hallo', 'hello', 5],
      ['hello', 'hello', 4],
      ['hello', 'hello', 0],
    ] as const) {
      await blobs.write('acme', 'up', 0, bytes(text));
      await expect(blobs.commit('up', address(announced), size)).rejects.toMatchObject({
        problem: { kind: 'invalid', code: 'digest_mismatch' },
      });
      expect(await files()).toEqual([]);
    }
  });

  it('refuses what was never sent', async () => {
    await expect(blobs.commit('up', address('hello'), 5)).rejects.toMatchObject({
      problem: { code: 'upload_not_found' },
    });
    await expect(blobs.read(address('hello'), 0, 1)).rejects.toMatchObject({
      problem: { code: 'artifact_bytes_missing' },
    });
  });

  it('keeps nothing of what was aborted, also twice', async () => {
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await blobs.abort('acme', 'up');
    await blobs.abort('acme', 'up');
    expect(await files()).toEqual([]);
  });

  it('takes a commit that comes again after the bytes are in place', async () => {
    const at = address('hello');
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await blobs.commit('up', at, 5);
    await blobs.commit('up', at, 5);
    expect(await read(at)).toBe('hello');
    expect(await files()).toHaveLength(1);
  });

  it('stores nothing at all, which has a digest too', async () => {
    const at = address('');
    await blobs.commit('up', at, 0);
    await blobs.commit('up', at, 0);
    // Of an empty object s3rver serves no range; nobody asks for one, as its size is known.
    if (kind === 'directory') expect(await read(at)).toBe('');
    expect(await files()).toHaveLength(1);
  });

  it('keeps the organisations apart', async () => {
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await expect(blobs.commit('up', address('hello', { org: 'other' }), 5)).rejects.toMatchObject({
      problem: { code: 'upload_not_found' },
    });
  });

  it('lets no name lead out of its folder, or to another kind of file', async () => {
    const at = address('hello');
    for (const name of [
      '..',
      '.',
      '',
      '../up',
      '/etc',
      'a/b',
      'a\\b',
      'a\0',
      '.hidden',
      'a'.repeat(201),
      'a\n',
    ]) {
      const invalid = { problem: { kind: 'invalid', code: 'invalid_name' } };
      await expect(blobs.write('acme', name, 0, bytes('x'))).rejects.toMatchObject(invalid);
      await expect(blobs.write(name, 'up', 0, bytes('x'))).rejects.toMatchObject(invalid);
      await expect(blobs.abort('acme', name)).rejects.toMatchObject(invalid);
      await expect(blobs.commit('up', { ...at, executionId: name }, 5)).rejects.toMatchObject(invalid);
      await expect(blobs.read({ ...at, executionId: name }, 0, 1)).rejects.toBeDefined();
      await expect(blobs.remove({ ...at, org: name })).rejects.toMatchObject(invalid);
    }
    expect(await files()).toEqual([]);
  });

  it('stores nothing where uploads could reach it', async () => {
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await expect(blobs.commit('up', address('hello', { executionId: 'uploads' }), 5)).rejects.toMatchObject({
      problem: { code: 'invalid_name' },
    });
  });

  it('says how far an upload has come, to a gap', async () => {
    expect(await blobs.written('acme', 'up')).toBe(0);
    await blobs.write('acme', 'up', 0, bytes('hello'));
    expect(await blobs.written('acme', 'up')).toBe(5);
    await blobs.write('acme', 'up', 5, bytes(' world'));
    expect(await blobs.written('acme', 'up')).toBe(11);
    if (kind === 'bucket') await blobs.write('acme', 'up', 20, bytes('far'));
    expect(await blobs.written('acme', 'up')).toBe(11);
  });

  it('finds what is in place, and forgets uploads of long ago', async () => {
    await blobs.write('acme', 'up', 0, bytes('hello'));
    await blobs.commit('up', address('hello'), 5);
    await blobs.write('acme', 'left', 0, bytes('hel'));
    const found: BlobAddress[] = [];
    for await (const blob of blobs.all()) {
      expect(Math.abs(Date.now() - blob.modified.getTime())).toBeLessThan(600_000);
      found.push(blob.address);
    }
    expect(found).toEqual([address('hello')]);
    await blobs.forgetUploads(new Date(Date.now() - 600_000));
    expect(await blobs.written('acme', 'left')).toBe(3);
    await blobs.forgetUploads(new Date(Date.now() + 600_000));
    expect(await blobs.written('acme', 'left')).toBe(0);
    expect(await read(address('hello'))).toBe('hello');
  });
});

describe('the place of blobs', () => {
  it('is a directory, as a path or a URL, or a bucket', async () => {
    expect(await openBlobs('/srv/artifacts')).toBeInstanceOf(BlobDirectory);
    expect(await openBlobs('file:///srv/artifacts')).toBeInstanceOf(BlobDirectory);
    expect(await openBlobs(s3.url('x'))).toBeInstanceOf(BlobBucket);
  });

  it.each([
    ['s3://no-such-bucket', 'there is no such bucket'],
    ['s3://artifacts?regoin=x', 'no option'],
    ['gs://bucket', 'like file:'],
  ])('%s is refused with the remedy', async (place, remedy) => {
    const url = place.includes('?') ? place : place + s3.url('').slice('s3://artifacts'.length);
    await expect(openBlobs(url)).rejects.toThrow(new RegExp(`^HYBRID_ARTIFACTS: .*${remedy}`));
  });
});
