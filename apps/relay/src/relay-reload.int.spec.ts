import { describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import type { Delivery } from '@hybrid/contracts';
import { openReader } from '@hybrid/user-queue';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitOf, push, SECRET, send, workbench } from '../test/workbench.js';

const NEW_SECRET = 'another-secret-0123456789';
const TAKEN = 'the configuration was read anew';
const NOT_TAKEN = 'the configuration from before goes on';

describe('a relay that is told to read its configuration anew', () => {
  const bench = workbench();
  const hub = (...files: string[]) => ({
    sources: [{ name: 'hub', tool: 'github', secrets: files.map((file) => ({ file })) }],
  });
  const count = (text: string, what: string): number => text.split(what).length - 1;

  it('takes both secrets while one is replaced, then the new one alone, and loses nothing meanwhile', async () => {
    await writeFile(join(bench.home, 'new-secret'), NEW_SECRET);
    const relay = bench.startProcess(['--config', await bench.configure(hub('github-secret'))]);
    const url = await relay.url;
    const reloaded = async (times: number): Promise<void> => {
      relay.child.kill('SIGHUP');
      await eventually(() => expect(count(relay.stderr, TAKEN)).toBe(times));
    };
    expect((await send(url, push(commitOf(0)), { secret: NEW_SECRET })).status).toBe(401);

    const accepted: unknown[] = [];
    let next = 0;
    let sending = true;
    const host = async (secret: () => string): Promise<void> => {
      while (sending) {
        const { status, body } = await send(url, push(commitOf(++next)), { secret: secret() });
        expect(status).toBe(202);
        accepted.push(body['id']);
      }
    };
    let secret = SECRET;
    const hosts = Promise.all([host(() => secret), host(() => secret), host(() => secret)]);
    await bench.configure(hub('github-secret', 'new-secret'));
    await reloaded(1);
    for (const either of [SECRET, NEW_SECRET])
      expect((await send(url, push(commitOf(1_000_000 + next++)), { secret: either })).status).toBe(202);
    secret = NEW_SECRET;
    await reloaded(2);
    sending = false;
    await hosts;
    await bench.configure(hub('new-secret'));
    await reloaded(3);
    expect((await send(url, push(commitOf(0)), { secret: SECRET })).status).toBe(401);
    expect((await send(url, push(commitOf(0)), { secret: NEW_SECRET })).status).toBe(202);

    const found: Delivery[] = [];
    await eventually(async () => {
      found.push(...(await bench.deliveries()));
      expect(found).toHaveLength(accepted.length + 3);
    });
    const ids = new Set<unknown>(found.map(({ id }) => id));
    expect(ids.size).toBe(found.length);
    expect(accepted.filter((id) => !ids.has(id))).toEqual([]);
    for (const text of [SECRET, NEW_SECRET]) expect(relay.stderr).not.toContain(text);
  });

  it('reads a secret that lies in the same file anew', async () => {
    const relay = await bench.start();
    await writeFile(join(bench.home, 'github-secret'), NEW_SECRET);
    relay.reload();
    await eventually(() => expect(relay.told).toContain(TAKEN));
    expect((await send(relay.url, push(commitOf(1)), { secret: NEW_SECRET })).status).toBe(202);
    expect((await send(relay.url, push(commitOf(1)))).status).toBe(401);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['a mistake', { sources: [] }, 'relay.sources: '],
    ['a secret that is missing', hub('nowhere'), 'relay.sources (hub).secrets[0]: '],
    ['another folder', { data: 'other' }, 'relay.data cannot change while it runs: restart the relay'],
    ['another address', { listen: '127.0.0.1:8086' }, 'relay.listen cannot change while it runs'],
  ])('goes on as before with %s, and says what is wrong', async (_, relayConfig, message) => {
    const relay = await bench.start();
    await bench.configure({ ...hub('github-secret', 'join-token'), ...relayConfig });
    relay.reload();
    await eventually(() => expect(relay.told).toContain(NOT_TAKEN));
    expect(relay.told).toContain(message);
    expect((await send(relay.url, push(commitOf(1)))).status).toBe(202);
    await eventually(async () => expect(await bench.deliveries()).toHaveLength(1));
    await bench.configure();
    relay.reload();
    await eventually(() => expect(relay.told).toContain(TAKEN));
  });

  it('sends what waited for a queue to the one that takes its place, with the digests that it was taken with', async () => {
    const relay = await bench.start();
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    await bench.takeQueueAway();
    for (let each = 1; each <= 3; each++) await send(relay.url, push(commitOf(each)));
    await eventually(() => expect(relay.told).toContain('deliveries wait on disk'));
    const queue = { kind: 'directory', path: join(bench.home, 'other-queue') } as const;
    await mkdir(queue.path);
    await bench.configure({ digest_key: { id: 'digests-2', key: { file: 'digest-key' } } }, { queue });
    relay.reload();
    await eventually(async () => expect(await readdir(join(queue.path, 'new'))).toHaveLength(3));
    await send(relay.url, push(commitOf(4)));
    await eventually(async () => expect(await readdir(join(queue.path, 'new'))).toHaveLength(4));
    const reader = await openReader(queue);
    const signal = new AbortController().signal;
    const messages = await reader.receive({ max: 10, waitMs: 0, signal });
    const found = await Promise.all(messages.map(({ body }) => bench.read(body)));
    await reader.close();
    expect(found.map(({ payload }) => payload.key_id).sort()).toEqual([
      ...Array<string>(3).fill('digests-1'),
      'digests-2',
    ]);
    expect(bench.controlPlane.registrations()).toHaveLength(1);
  });
});
