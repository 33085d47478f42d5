import type { ArtifactView } from '@hybrid/contracts';
import { breakableLine, eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { startSystem, type System } from '../system.js';

const MIB = 1024 * 1024;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('artifacts that come in parts, or not at all', () => {
  let system: System;
  beforeAll(async () => void (system = await startSystem()));
  afterAll(() => system?.stop());

  const put = (path: string, bytes: Uint8Array<ArrayBuffer>) =>
    system.admin<ArtifactView & { code: string }>(`PUT /api/artifacts/${path}`, {
      body: bytes,
      headers: { 'content-type': 'application/octet-stream', 'x-content-sha256': sha256(bytes) },
    });
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${system.url}/api/artifacts/${path}`, {
      headers: { authorization: `Bearer ${system.adminToken}`, ...headers },
    });
  const offsetOf = async (path: string, digest: string) =>
    (await system.admin<{ offset: number }>(`GET /api/artifacts/${path}/upload?sha256=${digest}`)).body
      .offset;

  it('an upload whose line was cut goes on from where the server is', async () => {
    const bytes = new Uint8Array(randomBytes(5 * MIB + 11));
    const digest = sha256(bytes);
    const line = await breakableLine(Number(new URL(system.url).port));
    const socket = connect(line.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(
      `PUT /api/artifacts/e1/big HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${system.adminToken}\r\n` +
        `X-Content-SHA256: ${digest}\r\nContent-Type: application/octet-stream\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    socket.write(bytes.subarray(0, 3 * MIB));
    await eventually(async () => expect(await offsetOf('e1/big', digest)).toBeGreaterThan(2 * MIB));
    line.cut();
    await line.close();

    expect((await get('e1/big')).status).toBe(404);
    // What was on its way may still come in after the cut: then the next offset is another one.
    await eventually(async () => {
      const offset = await offsetOf('e1/big', digest);
      expect(offset).toBeLessThanOrEqual(3 * MIB);
      expect(await put(`e1/big?offset=${offset}&sha256=${digest}`, bytes.slice(offset))).toMatchObject({
        status: 200,
        body: { size: bytes.length, sha256: digest },
      });
    });
    expect(Buffer.compare(Buffer.from(await (await get('e1/big')).arrayBuffer()), bytes)).toBe(0);
    expect(await offsetOf('e1/big', digest)).toBe(0);
  });

  it('a part that begins past the end is refused, and one that makes other bytes forgets the upload', async () => {
    const bytes = new Uint8Array(randomBytes(1000));
    const digest = sha256(bytes);
    expect(await put(`e2/gap?offset=500&sha256=${digest}`, bytes)).toMatchObject({
      status: 409,
      body: { code: 'upload_offset' },
    });
    expect(await put(`e2/gap?sha256=${digest}`, bytes.slice(0, 500))).toMatchObject({
      status: 422,
      body: { code: 'digest_mismatch' },
    });
    expect(await offsetOf('e2/gap', digest)).toBe(0);
    expect(await put('e2/gap?offset=x', bytes)).toMatchObject({ status: 422 });
    expect(await put('e2/gap?sha256=x', bytes)).toMatchObject({ status: 422 });
  });

  it('a download goes on from where it was', async () => {
    const bytes = new Uint8Array(randomBytes(2 * MIB));
    await put('e3/range', bytes);
    const part = await get('e3/range', { range: `bytes=${MIB + 5}-` });
    expect(part.status).toBe(206);
    expect(Object.fromEntries(part.headers)).toMatchObject({
      'content-range': `bytes ${MIB + 5}-${2 * MIB - 1}/${2 * MIB}`,
      'content-length': String(MIB - 5),
      'x-content-sha256': sha256(bytes),
    });
    expect(Buffer.compare(Buffer.from(await part.arrayBuffer()), bytes.subarray(MIB + 5))).toBe(0);
    for (const range of ['bytes=99999999-', 'bytes=0-10', 'lines=3-'])
      expect((await get('e3/range', { range })).status).toBe(200);
  });

  it('says when it will be gone', async () => {
    const { body } = await put('e4/kept?retention_days=30', new Uint8Array(randomBytes(10)));
    expect(Date.parse(body.expires_at!) - Date.parse(body.created_at)).toBe(30 * 86_400_000);
    await eventually(async () =>
      expect((await system.admin('GET /api/artifacts/e4')).body).toMatchObject({
        artifacts: [{ key: 'kept', expires_at: body.expires_at }],
      }),
    );
    expect((await put('e4/wrong?retention_days=0', new Uint8Array())).status).toBe(422);
  });

  it('that lies in the customer’s store is known by its metadata alone', async () => {
    const metadata = {
      size: 5_000_000_000,
      sha256: 'a'.repeat(64),
      content_type: 'application/vnd.hybrid.tar+gzip',
      location: 's3://ci-data/artifacts/e5/dist/aaaa',
    };
    const tell = (more: object) =>
      system.admin('POST /api/artifacts/e5/dist/metadata', { json: { ...metadata, ...more } });
    for (const wrong of [
      { location: 's3://user:password@ci-data/x' },
      { location: 's3://ci-data/x?X-Amz-Signature=abc' },
      { location: 'https://example.com/x' },
      { location: 'file:///srv/größe/x' },
      { content_type: 'text/größe' },
      { sha256: 'abc' },
      { size: -1 },
      { extra: 1 },
    ])
      expect(await tell(wrong)).toMatchObject({ status: 422 });
    expect(await tell({ retention_days: 1 })).toMatchObject({ status: 200, body: metadata });

    const answer = await get('e5/dist');
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({
      code: 'artifact_elsewhere',
      detail: expect.stringContaining(metadata.location) as unknown,
    });
    const head = await fetch(`${system.url}/api/artifacts/e5/dist`, {
      method: 'HEAD',
      headers: { authorization: `Bearer ${system.adminToken}` },
    });
    expect(head.status).toBe(200);
    expect(Object.fromEntries(head.headers)).toMatchObject({
      'x-artifact-location': metadata.location,
      'x-content-sha256': metadata.sha256,
      'content-length': '5000000000',
    });
    await eventually(async () =>
      expect((await system.admin('GET /api/artifacts/e5')).body).toMatchObject({
        artifacts: [{ ...metadata, expires_at: expect.any(String) as unknown }],
      }),
    );
  });
});
