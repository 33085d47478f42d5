import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobDirectory, type BlobAddress } from './blob-directory.js';

const sha256Of = (text: string) => createHash('sha256').update(text).digest('hex');
const bytes = (text: string) => new TextEncoder().encode(text);

describe('the blob directory', () => {
  let directory: string;
  let root: string;
  let blobs: BlobDirectory;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-blobs-'));
    root = join(directory, 'root');
    blobs = new BlobDirectory(root);
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const address = (text: string, more: Partial<BlobAddress> = {}): BlobAddress => ({
    org: 'acme',
    executionId: 'run-1',
    artifactId: 'artifact-1',
    sha256: sha256Of(text),
    ...more,
  });
  const read = async (at: BlobAddress, offset = 0, length = 100) =>
    new TextDecoder().decode(await blobs.read(at, offset, length));
  const files = async () =>
    (await readdir(directory, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);

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
    expect(await read(at)).toBe('');
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
});
