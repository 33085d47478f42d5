import { ARTIFACT_CHUNK_BYTES, registryRequests, type Request } from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RegistryModule } from '../app.module.js';
import { Artifacts } from './artifacts.js';
import { BlobDirectory } from './blob-directory.js';

const {
  writeChunk,
  commit,
  abort,
  get,
  readChunk,
  list,
  delete: remove,
  register,
  upload,
} = registryRequests;
const sha256Of = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('the registry, over NATS', () => {
  let platform: Platform;
  let directory: string;
  let artifacts: Artifacts;
  const user = callBy('agent', 'a');
  const stranger = callBy('agent', 'b', 'other');
  const before = process.env['HYBRID_ARTIFACTS'];

  beforeAll(async () => {
    platform = await startPlatform();
    directory = join(platform.directory, 'artifacts');
    process.env['HYBRID_ARTIFACTS'] = directory;
    await platform.serve(RegistryModule);
    await platform.serve(RegistryModule);
    artifacts = new Artifacts(platform.connections);
    await artifacts.onModuleInit();
  });
  afterAll(async () => {
    await platform.stop();
    if (before === undefined) delete process.env['HYBRID_ARTIFACTS'];
    else process.env['HYBRID_ARTIFACTS'] = before;
  });

  const send = <I, O>(request: Request<I, O>, input: I, call = user) =>
    platform.connections.requests.send(request, input, call);
  const chunk = (upload_id: string, offset: number, bytes: Uint8Array, call = user) =>
    platform.connections.requests.sendBytes(writeChunk, { upload_id, offset }, bytes, call);
  const addressOf = (key = 'report') => ({ execution_id: randomUUID(), key });
  const described = (address: { execution_id: string; key: string }, bytes: Uint8Array) => ({
    ...address,
    size: bytes.length,
    sha256: sha256Of(bytes),
    content_type: 'text/plain',
  });
  const store = async (address: { execution_id: string; key: string }, text: string, call = user) => {
    const upload_id = randomUUID();
    const bytes = Buffer.from(text);
    await chunk(upload_id, 0, bytes, call);
    return send(commit, { ...described(address, bytes), upload_id }, call);
  };
  const read = async (address: { execution_id: string; key: string }, call = user) => {
    const chunks: Uint8Array[] = [];
    for (let offset = 0; ;) {
      const bytes = await send(readChunk, { ...address, offset }, call);
      if (!bytes.length) return Buffer.concat(chunks);
      chunks.push(bytes);
      offset += bytes.length;
    }
  };
  /** Names of all blobs and uploads of the organisation. */
  const files = async (org = 'default') =>
    (await readdir(join(directory, org), { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);

  it('takes chunks in any order and repeated, at either replica, and gives the bytes back', async () => {
    const address = addressOf('a key with / and ..');
    const bytes = Buffer.alloc(3 * ARTIFACT_CHUNK_BYTES - 7, 'abcdefg');
    const upload_id = randomUUID();
    for (const at of [2, 0, 1, 2, 0]) {
      const part = bytes.subarray(at * ARTIFACT_CHUNK_BYTES, (at + 1) * ARTIFACT_CHUNK_BYTES);
      expect(await chunk(upload_id, at * ARTIFACT_CHUNK_BYTES, part)).toEqual({ written: part.length });
    }
    const wanted = described(address, bytes);
    expect(await send(commit, { ...wanted, upload_id })).toMatchObject(wanted);
    expect(await send(get, address)).toMatchObject(wanted);
    expect((await read(address)).equals(bytes)).toBe(true);
  });

  it('stores an empty artifact', async () => {
    const address = addressOf();
    await send(commit, { ...described(address, new Uint8Array()), upload_id: randomUUID() });
    expect(await read(address)).toHaveLength(0);
  });

  it('answers a commit that comes again with what it stored, and keeps no second copy', async () => {
    const address = addressOf();
    const first = await store(address, 'hello');
    const held = await files();
    expect(await store(address, 'hello')).toEqual(first);
    expect((await files()).sort()).toEqual(held.sort());
  });

  it('refuses other bytes at the same address, and keeps none of them', async () => {
    const address = addressOf();
    await store(address, 'hello');
    const held = await files();
    await expect(store(address, 'other')).rejects.toMatchObject({ problem: { code: 'artifact_exists' } });
    expect((await read(address)).toString()).toBe('hello');
    expect((await files()).sort()).toEqual(held.sort());
  });

  it('refuses bytes that are not the announced ones', async () => {
    const address = addressOf();
    const upload_id = randomUUID();
    await chunk(upload_id, 0, Buffer.from('hallo'));
    const wanted = described(address, Buffer.from('hello'));
    await expect(send(commit, { ...wanted, upload_id })).rejects.toMatchObject({
      problem: { code: 'digest_mismatch' },
    });
    await expect(send(get, address)).rejects.toMatchObject({ problem: { code: 'artifact_not_found' } });
  });

  it('forgets an upload that was aborted', async () => {
    const upload_id = randomUUID();
    await chunk(upload_id, 0, Buffer.from('hello'));
    await send(abort, { upload_id });
    const wanted = described(addressOf(), Buffer.from('hello'));
    await expect(send(commit, { ...wanted, upload_id })).rejects.toMatchObject({
      problem: { code: 'upload_not_found' },
    });
  });

  it('finishes a commit that was killed after the bytes were in place and before they were registered', async () => {
    const address = addressOf();
    const text = 'killed in between';
    const { size, sha256 } = described(address, Buffer.from(text));
    // What the killed one did; where the blob lies is seen from one that was stored whole.
    const whole = await store(address, text);
    const name = (await files()).find((one) => one.endsWith(sha256))!;
    await send(remove, address);
    const upload_id = randomUUID();
    await chunk(upload_id, 0, Buffer.from(text));
    const artifactId = name.slice(0, -sha256.length - 1);
    const { execution_id: executionId } = address;
    await new BlobDirectory(directory).commit(
      upload_id,
      { org: 'default', executionId, artifactId, sha256 },
      size,
    );
    await expect(send(get, address)).rejects.toMatchObject({ problem: { code: 'artifact_not_found' } });
    const again = await send(commit, { ...described(address, Buffer.from(text)), upload_id });
    expect({ ...again, created_at: '' }).toEqual({ ...whole, created_at: '' });
    expect((await read(address)).toString()).toBe(text);
  });

  it('lists what an execution stored, and no more what was deleted', async () => {
    const { execution_id } = addressOf();
    for (const key of ['a', 'b', 'c']) await store({ execution_id, key }, key);
    const keys = async () => (await send(list, { execution_id })).items.map(({ key }) => key).sort();
    await eventually(async () => expect(await keys()).toEqual(['a', 'b', 'c']));
    expect(await send(remove, { execution_id, key: 'b' })).toMatchObject({ key: 'b', size: 1 });
    await expect(send(remove, { execution_id, key: 'b' })).rejects.toMatchObject({
      problem: { kind: 'not_found' },
    });
    await expect(read({ execution_id, key: 'b' })).rejects.toMatchObject({ problem: { kind: 'not_found' } });
    await eventually(async () => expect(await keys()).toEqual(['a', 'c']));
    expect((await files()).filter((name) => name.endsWith(sha256Of(Buffer.from('b'))))).toEqual([]);
  });

  it('shows one organisation nothing of another, which may use the same address', async () => {
    const address = addressOf();
    await store(address, 'ours');
    await eventually(async () => expect((await send(list, address)).total).toBe(1));
    expect(await send(list, { execution_id: address.execution_id }, stranger)).toMatchObject({
      total: 0,
      items: [],
    });
    for (const asked of [
      send(get, address, stranger),
      read(address, stranger),
      send(remove, address, stranger),
    ])
      await expect(asked).rejects.toMatchObject({ problem: { kind: 'not_found' } });
    await store(address, 'theirs', stranger);
    expect((await read(address)).toString()).toBe('ours');
    expect((await read(address, stranger)).toString()).toBe('theirs');
  });

  it('refuses names that could lead out of its folder', async () => {
    const invalid = { problem: { kind: 'invalid', code: 'invalid_name' } };
    await expect(chunk('../../up', 0, Buffer.from('x'))).rejects.toMatchObject(invalid);
    await expect(store({ execution_id: '..', key: 'k' }, 'x')).rejects.toMatchObject(invalid);
  });

  it('deletes what has expired, bytes and all, and at either replica', async () => {
    const address = addressOf();
    const upload_id = randomUUID();
    const bytes = Buffer.from(`expires ${address.execution_id}`);
    await chunk(upload_id, 0, bytes);
    const stored = await send(commit, { ...described(address, bytes), upload_id, retention_days: 7 });
    const days = (Date.parse(stored.expires_at!) - Date.parse(stored.created_at)) / 86_400_000;
    expect(days).toBe(7);
    await eventually(async () =>
      expect((await send(list, address)).items).toMatchObject([{ expires_at: stored.expires_at }]),
    );
    expect(await artifacts.expire(new Date(Date.parse(stored.expires_at!) - 1))).toBe(0);
    expect((await read(address)).equals(bytes)).toBe(true);
    expect(await artifacts.expire(new Date(stored.expires_at!))).toBe(1);
    expect(await artifacts.expire(new Date(stored.expires_at!))).toBe(0);
    await expect(send(get, address)).rejects.toMatchObject({ problem: { code: 'artifact_not_found' } });
    expect((await files()).some((name) => name.endsWith(stored.sha256))).toBe(false);
  });

  it('removes bytes of which no event speaks any more, and no others', async () => {
    const [kept, orphaned] = [addressOf(), addressOf()];
    await store(kept, 'kept');
    const text = `orphan ${orphaned.execution_id}`;
    const { sha256 } = await store(orphaned, text);
    const name = (await files()).find((one) => one.endsWith(sha256))!;
    await send(remove, orphaned);
    // As a delete leaves it that was killed after its event.
    const blobs = new BlobDirectory(directory);
    const address = {
      org: 'default',
      executionId: orphaned.execution_id,
      artifactId: name.slice(0, -sha256.length - 1),
      sha256,
    };
    await blobs.write('default', 'again', 0, Buffer.from(text));
    await blobs.commit('again', address, text.length);
    // And what another installation has, which was given the same directory.
    const strange = { ...address, executionId: 'strange', artifactId: randomUUID() };
    await blobs.write('default', 'strange', 0, Buffer.from(text));
    await blobs.commit('strange', strange, text.length);
    const [past, future] = [new Date(Date.now() - 600_000), new Date(Date.now() + 600_000)];
    expect(await artifacts.removeOrphans(past, past)).toBe(0);
    expect(await artifacts.removeOrphans(future, past)).toBe(1);
    expect((await read(kept)).toString()).toBe('kept');
    const left = await files();
    expect(left).not.toContain(name);
    expect(left).toContain(`${strange.artifactId}-${sha256}`);
  });

  it('says how far an upload has come', async () => {
    const upload_id = randomUUID();
    expect(await send(upload, { upload_id })).toEqual({ written: 0 });
    await chunk(upload_id, 0, Buffer.from('hello'));
    expect(await send(upload, { upload_id })).toEqual({ written: 5 });
    expect(await send(upload, { upload_id }, stranger)).toEqual({ written: 0 });
  });

  it('knows of bytes that lie elsewhere, and says where', async () => {
    const address = addressOf();
    const { execution_id, key, ...rest } = described(address, Buffer.from('elsewhere'));
    const location = `s3://ci-data/${execution_id}/${key}`;
    const view = await send(register, { ...address, ...rest, location });
    expect(view).toMatchObject({ ...address, ...rest, location });
    expect(await send(register, { ...address, ...rest, location })).toEqual(view);
    expect(await send(get, address)).toEqual(view);
    await expect(read(address)).rejects.toMatchObject({
      problem: {
        kind: 'conflict',
        code: 'artifact_elsewhere',
        detail: expect.stringContaining(location) as unknown,
      },
    });
    await expect(store(address, 'other')).rejects.toMatchObject({ problem: { code: 'artifact_exists' } });
    await eventually(async () => expect((await send(list, address)).items).toEqual([view]));
    await send(remove, address);
    await store(address, 'now here');
    expect((await read(address)).toString()).toBe('now here');
  });
});
