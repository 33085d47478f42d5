import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ArtifactView, PublicEvent, RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { startSystem, type System } from '../system.js';
import { openEvents, readUntil } from './event-stream.js';

const MIB = 1024 * 1024;

describe('artifacts and events over HTTP', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system?.stop());

  describe('an artifact', () => {
    const put = (address: string, bytes: Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
      system.admin<ArtifactView>(`PUT /api/artifacts/${address}`, {
        body: bytes,
        headers: {
          'content-type': 'application/octet-stream',
          'x-content-sha256': sha256(bytes),
          ...headers,
        },
      });
    const get = async (address: string) => {
      const response = await fetch(`${system.url}/api/artifacts/${address}`, {
        headers: { authorization: `Bearer ${system.adminToken}` },
      });
      return { response, bytes: new Uint8Array(await response.arrayBuffer()) };
    };
    const stored = async (execution: string) =>
      readdir(join(system.platform.directory, 'artifacts', 'default', execution)).catch(() => []);
    const uploads = () => readdir(join(system.platform.directory, 'artifacts', 'default', 'uploads'));

    it('comes back with the bytes, the digest and the type that it was stored with', async () => {
      const bytes = new Uint8Array(randomBytes(5 * MIB + 17));
      const type = 'application/vnd.hybrid.tar+gzip';
      const view = {
        execution_id: 'e1',
        key: 'dist',
        size: bytes.length,
        sha256: sha256(bytes),
        content_type: type,
      };
      expect(await put('e1/dist', bytes, { 'content-type': type })).toMatchObject({
        status: 200,
        body: view,
      });
      const { response, bytes: back } = await get('e1/dist');
      expect(Buffer.compare(back, bytes)).toBe(0);
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'x-content-sha256': view.sha256,
        'content-length': String(bytes.length),
        'content-type': type,
        'x-content-type-options': 'nosniff',
        'content-disposition': 'attachment',
      });
      await eventually(async () =>
        expect((await system.admin('GET /api/artifacts/e1')).body).toMatchObject({
          artifacts: [view],
          total: 1,
          next_cursor: null,
        }),
      );
    });

    it('answers HEAD with the headers of GET and no body', async () => {
      const bytes = new Uint8Array(randomBytes(3_000));
      await put('e2/head', bytes);
      const text = await exchange(
        system,
        `HEAD /api/artifacts/e2/head HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${system.adminToken}\r\nConnection: close\r\n\r\n`,
      );
      expect(text).toMatch(/^HTTP\/1.1 200 /);
      expect(text.toLowerCase()).toContain('content-length: 3000');
      expect(text).toContain(sha256(bytes));
      expect(text.slice(text.indexOf('\r\n\r\n') + 4)).toBe('');
    });

    it('is not stored when its digest is wrong or missing', async () => {
      const bytes = new Uint8Array(randomBytes(MIB));
      const wrong = await put('e3/wrong', bytes, { 'x-content-sha256': '0'.repeat(64) });
      expect(wrong).toMatchObject({ status: 422, body: { code: 'digest_mismatch' } });
      for (const digest of ['', 'abc', 'G'.repeat(64)])
        expect(await put('e3/wrong', bytes, { 'x-content-sha256': digest })).toMatchObject({
          status: 422,
          body: { code: 'digest_required' },
        });
      expect((await get('e3/wrong')).response.status).toBe(404);
      expect(await stored('e3')).toEqual([]);
      await eventually(async () => expect(await uploads()).toEqual([]));
    });

    it('is stored once: the same bytes again are fine, others are refused and change nothing', async () => {
      const [one, other] = [new Uint8Array(randomBytes(100)), new Uint8Array(randomBytes(100))];
      const first = await put('e4/once', one);
      expect(await put('e4/once', one)).toMatchObject({
        status: 200,
        body: { created_at: first.body.created_at },
      });
      expect(await put('e4/once', other)).toMatchObject({ status: 409, body: { code: 'artifact_exists' } });
      expect(Buffer.compare((await get('e4/once')).bytes, one)).toBe(0);
      expect(await stored('e4')).toHaveLength(1);
      await eventually(async () => expect(await uploads()).toEqual([]));
    });

    it.each<[type: string, headers: Record<string, string>]>([
      ['application/json', { 'content-type': 'application/json' }],
      ['text/plain', { 'content-type': 'text/plain' }],
      ['application/x-ndjson', { 'content-type': 'application/x-ndjson' }],
      ['application/zip', { 'content-type': 'application/zip' }],
    ])('may be of the type %s', async (type, headers) => {
      const bytes = new Uint8Array(randomBytes(3 * MIB));
      expect(await put(`e5/${type.replace('/', '-')}`, bytes, headers)).toMatchObject({
        status: 200,
        body: { content_type: type },
      });
    });

    it('may have no byte and no type', async () => {
      const empty = new Uint8Array();
      const headers = { 'x-content-sha256': sha256(empty) };
      expect(await system.admin('PUT /api/artifacts/e6/empty', { headers })).toMatchObject({
        status: 200,
        body: { size: 0 },
      });
      const { response, bytes } = await get('e6/empty');
      expect([response.status, bytes.length]).toEqual([200, 0]);
    });

    it.each(['a/b', 'with space', 'größe-日本', '..', '100%', 'k'.repeat(200), '日'.repeat(200)])(
      'may have the key %s',
      async (key) => {
        const address = `e7/${encodeURIComponent(key).replaceAll('.', '%2E')}`;
        const bytes = new Uint8Array(Buffer.from(key));
        if (key === '..') {
          // A client that follows the URL standard can't even send it.
          expect((await put(address, bytes)).status).toBe(404);
          return;
        }
        expect(await put(address, bytes)).toMatchObject({ status: 200, body: { key } });
        expect(Buffer.from((await get(address)).bytes).toString()).toBe(key);
      },
    );

    it.each(['..%2F..%2Fescape', '..%2Fuploads', '.hidden', 'x'.repeat(201), 'a%00b'])(
      'is refused under the execution %s',
      async (execution) => {
        const bytes = new Uint8Array(Buffer.from('x'));
        expect((await put(`${execution}/key`, bytes)).status).toBe(422);
        expect((await get(`${execution}/key`)).response.status).toBe(422);
        expect((await system.admin(`GET /api/artifacts/${execution}`)).status).toBe(422);
      },
    );

    it('is refused under a key that is too long', async () => {
      expect((await put(`e8/${'k'.repeat(201)}`, new Uint8Array())).status).toBe(422);
    });

    it('is gone after DELETE, and its address is free', async () => {
      const bytes = new Uint8Array(randomBytes(100));
      await put('e9/gone', bytes);
      expect((await system.admin('DELETE /api/artifacts/e9/gone')).status).toBe(200);
      expect((await get('e9/gone')).response.status).toBe(404);
      expect(await system.admin('DELETE /api/artifacts/e9/gone')).toMatchObject({
        status: 404,
        body: { code: 'artifact_not_found' },
      });
      expect(await stored('e9')).toEqual([]);
      expect((await put('e9/gone', new Uint8Array(randomBytes(50)))).status).toBe(200);
    });

    it('of 200 MB passes through flat memory', async () => {
      const block = new Uint8Array(randomBytes(MIB));
      const hash = createHash('sha256');
      for (let n = 0; n < 200; n++) hash.update(block);
      const digest = hash.digest('hex');
      let sent = 0;
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => (sent++ < 200 ? controller.enqueue(block) : controller.close()),
      });
      const before = await residentBytes(system);
      let most = before;
      const watch = setInterval(
        () => void residentBytes(system).then((now) => (most = Math.max(most, now))),
        50,
      );
      try {
        const answer = await system.admin('PUT /api/artifacts/e10/large', {
          body,
          headers: { 'content-type': 'application/octet-stream', 'x-content-sha256': digest },
        });
        expect(answer).toMatchObject({ status: 200, body: { size: 200 * MIB, sha256: digest } });
      } finally {
        clearInterval(watch);
      }
      expect(most - before).toBeLessThan(100 * MIB);
    });
  });

  describe('live events', () => {
    const definition = (name: string) =>
      `name: ${name}\nsteps: [{ name: a, type: step.gate, config: { type: automatic, conditions: ["true"] } }]`;
    const run = async () => {
      const { status, body } = await system.admin<RunView>('POST /api/pipelines/live/runs', { json: {} });
      expect(status).toBe(201);
      return body.id;
    };
    const open = (query = '', lastEventId?: string | null) =>
      openEvents<PublicEvent>(`${system.url}/api/dashboard/events${query}`, system.adminToken, lastEventId);

    beforeAll(async () => {
      await system.admin('PUT /api/pipelines/live', { json: { definition: definition('live') } });
    });

    it('tell the story of a run, and of that run only where asked', async () => {
      const [all, one] = [await open(), run()];
      const first = await one;
      const events = await readUntil(all, (seen) =>
        seen.some(({ data }) => data.id === first && isEnd(data)),
      );
      expect(events.filter(({ data }) => data.id === first).map(({ event }) => event)).toEqual([
        'RunChanged',
        'StepChanged',
        'RunChanged',
      ]);
      const only = await open(`?run_id=${first}`, `${events[0]!.id!.split('-')[0]}-0`);
      const second = await run();
      const filtered = await readUntil(only, (seen) => seen.some(({ data }) => isEnd(data)));
      expect(new Set(filtered.map(({ data }) => data.id))).toEqual(new Set([first]));
      expect(second).not.toBe(first);
    });

    it('go on after the last one seen, without loss', async () => {
      const stream = await open();
      const first = await run();
      const [seen] = await readUntil(stream, (events) => events.length === 1);
      const second = await run();
      const rest = await readUntil(await open('', seen!.id), (events) =>
        events.some(({ data }) => data.id === second && isEnd(data)),
      );
      const mine = [seen!, ...rest].filter(({ data }) => [first, second].includes(data.id));
      expect(mine).toHaveLength(6);
      expect(new Set(mine.map(({ data }) => data.event_id)).size).toBe(6);
      const numbers = [seen!, ...rest].map(({ id }) => Number(id!.split('-')[1]));
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    });

    it('start over for an id of a stream that is no more, and from now for nonsense', async () => {
      const again = await readUntil(await open('', '1-999999'), (events) => events.length === 3);
      expect(again[0]!.event).toBe('RunChanged');
      for (const nonsense of ['nonsense', '1-2-3', '1-99999999999999999999', '1.5-2.5']) {
        const stream = await open('', nonsense);
        const id = await run();
        const events = await readUntil(stream, (seen) => seen.some(({ data }) => data.id === id));
        expect(events.map(({ data }) => data.id)).not.toContain(again[0]!.data.id);
      }
    });
  });

  it('is ready while every server answers, and names the one that does not', async () => {
    const ready = () =>
      system.admin<{ services: Record<string, { status: string; dependencies: object }> }>(
        'GET /health/ready',
      );
    const up = { nats: 'up', event_store: 'up', postgres: 'up' };
    const healthy = { status: 'healthy', dependencies: up };
    await eventually(async () =>
      expect(await ready()).toMatchObject({
        status: 200,
        body: {
          status: 'ready',
          services: { queue: healthy, pipelines: healthy, agents: healthy, registry: healthy },
        },
      }),
    );
    const { eventStore } = system.platform;
    await eventStore.stop();
    await eventually(async () =>
      expect(await ready()).toMatchObject({
        status: 503,
        body: {
          status: 'not_ready',
          services: { queue: { status: 'unhealthy', dependencies: { ...up, event_store: 'down' } } },
        },
      }),
    );
    expect((await system.admin('GET /health')).status).toBe(200);
    await eventually(async () =>
      expect(await system.admin('GET /api/runs/1')).toMatchObject({
        status: 503,
        body: { code: 'event_store_unavailable' },
      }),
    );
    await eventStore.restart();
    await eventually(async () => expect((await ready()).status).toBe(200));
    await eventually(async () => expect((await system.admin('GET /api/runs/1')).status).toBe(404));
  });
});

function isEnd({ data }: PublicEvent): boolean {
  return (
    (data as { status?: string; step_id?: string }).status === 'SUCCEEDED' && !('step_id' in (data as object))
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function residentBytes(system: System): Promise<number> {
  const status = await readFile(`/proc/${system.processes.get('standalone')!.process.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)![1]) * 1024;
}

/** Sends the request as it is; answers everything that came back until the server closed. */
function exchange(system: System, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(system.url).port), '127.0.0.1', () => socket.write(request));
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}
