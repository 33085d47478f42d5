import { describe, expect, it } from '@jest/globals';
import { eventually, seededRandom } from '@hybrid/testing';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { commitOf, push, send, workbench } from '../test/workbench.js';

describe('relay whose queue is away', () => {
  const bench = workbench();

  async function healthOf(url: string): Promise<Record<string, Record<string, unknown>>> {
    return (await (await fetch(`${url}/health`)).json()) as Record<string, Record<string, unknown>>;
  }

  async function commitsOnQueue(): Promise<string[]> {
    return (await bench.deliveries()).map(({ metadata }) => metadata.commit ?? '');
  }

  it('keeps what comes, says so once, and sends all of it in order when the queue is back', async () => {
    await bench.takeQueueAway();
    const relay = await bench.start();
    const { url } = relay;
    for (let index = 0; index < 150; index++)
      expect(await send(url, push(commitOf(index)))).toMatchObject({ status: 202 });
    await eventually(async () => {
      const { queue, spool } = await healthOf(url);
      expect(queue).toMatchObject({ status: 'down', message: expect.stringContaining('queue_missing') });
      expect(spool).toMatchObject({ status: 'up', waiting: 150 });
      expect(spool?.['lag_seconds']).toBeGreaterThan(0);
    });
    await eventually(() =>
      expect(bench.controlPlane.heartbeats().at(-1)).toMatchObject({ queue: 'down', spooled: 150, sent: 0 }),
    );
    await bench.makeQueue();
    const commits: string[] = [];
    await eventually(async () => {
      commits.push(...(await commitsOnQueue()));
      expect(commits).toHaveLength(150);
    });
    // A folder gives files of the same millisecond in any order; those of a later batch come later.
    const batches = [commits.slice(0, 100), commits.slice(100)].map((some) => some.sort());
    expect(batches.flat()).toEqual(Array.from({ length: 150 }, (_, index) => commitOf(index)));
    expect(relay.told.match(/deliveries wait on disk: queue_missing/g)).toHaveLength(1);
    await eventually(() => expect(relay.told).toContain('the queue takes deliveries again'));
    expect(await healthOf(url)).toMatchObject({
      queue: { status: 'up' },
      spool: { waiting: 0, lag_seconds: 0 },
    });
  });

  it('loses nothing that it accepted when it is killed again and again', async () => {
    const random = seededRandom();
    const accepted = new Set<string>();
    const all: string[] = [];
    let next = 0;
    const file = await bench.configure();
    let relay = bench.startProcess(['--config', file]);
    for (let kill = 0; kill < 3; kill++) {
      const url = await relay.url;
      const before = accepted.size;
      const enough = Math.ceil(random() * 100);
      let killed = false;
      const senders = Array.from({ length: 8 }, async () => {
        while (!killed) {
          const commit = commitOf(next++);
          try {
            if ((await send(url, push(commit))).status === 202) accepted.add(commit);
          } catch {
            // Whether it was taken is not known: a host would send it again.
          }
        }
      });
      if (kill % 2 === 1) await bench.makeQueue();
      await eventually(() => expect(accepted.size - before).toBeGreaterThan(enough));
      relay.child.kill('SIGKILL');
      killed = true;
      await Promise.all(senders);
      await relay.ended;
      if (kill % 2 === 0) {
        all.push(...(await commitsOnQueue()));
        await bench.takeQueueAway();
      }
      relay = bench.startProcess(['--config', file]);
    }
    await bench.makeQueue();
    await eventually(async () => {
      expect(await healthOf(await relay.url)).toMatchObject({ spool: { waiting: 0 } });
    });
    all.push(...(await commitsOnQueue()));
    const here = new Set(all);
    expect([...accepted].filter((commit) => !here.has(commit))).toEqual([]);
    const times = new Map<string, number>();
    for (const commit of all) times.set(commit, (times.get(commit) ?? 0) + 1);
    // Each kill may have the batch of then sent again.
    expect(Math.max(...times.values())).toBeLessThanOrEqual(4);
  });

  it('takes no more than fits on its disk, and says when to come again', async () => {
    await bench.takeQueueAway();
    const relay = await bench.start({}, { unsentBytes: 100_000 });
    const { url } = relay;
    const statuses = new Set<number>();
    for (let index = 0; !statuses.has(503); index++) {
      const branch = 'b'.repeat(240);
      const some = Array.from({ length: 50 }, (_, at) => send(url, push(commitOf(index * 50 + at), branch)));
      for (const answer of await Promise.all(some)) {
        statuses.add(answer.status);
        if (answer.status !== 503) continue;
        expect(answer.body).toMatchObject({ code: 'no_room' });
        expect(answer.headers.get('retry-after')).toBe('30');
      }
    }
    expect([...statuses].sort()).toEqual([202, 503]);
    const ready = await fetch(`${url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'not_ready', spool: { status: 'full' } });
    await bench.makeQueue();
    await eventually(async () => expect((await fetch(`${url}/health/ready`)).status).toBe(200));
    expect(await send(url, push(commitOf(1e6)))).toMatchObject({ status: 202 });
  });

  it('finishes what it has taken when it is told to stop', async () => {
    const relay = bench.startProcess(['--config', await bench.configure()]);
    const url = await relay.url;
    await eventually(() => expect(bench.controlPlane.heartbeats()).not.toEqual([]));
    await Promise.all(Array.from({ length: 60 }, (_, index) => send(url, push(commitOf(index)))));
    relay.child.kill('SIGTERM');
    expect(await relay.ended).toBe(0);
    expect((await commitsOnQueue()).sort()).toEqual(
      Array.from({ length: 60 }, (_, index) => commitOf(index)),
    );
    expect(relay.stderr).toContain('stopped');
  });

  it('stops in time while the queue is away, and sends at the next start', async () => {
    await bench.takeQueueAway();
    const first = await bench.start();
    expect(await send(first.url, push(commitOf(1)))).toMatchObject({ status: 202 });
    await eventually(() => expect(first.told).toContain('deliveries wait on disk: queue'));
    await first.stop();
    await bench.makeQueue();
    await bench.start();
    await eventually(async () => expect(await commitsOnQueue()).toEqual([commitOf(1)]));
  });

  it('is not held up by what an older relay took and this one cannot sign', async () => {
    await bench.takeQueueAway();
    const first = await bench.start();
    for (const index of [1, 2]) await send(first.url, push(commitOf(index)));
    await first.stop();
    const journal = join(bench.home, 'data', 'journal', '0000000001.ndjson');
    const text = await readFile(journal, 'utf8');
    await writeFile(journal, text.replace('"kind":"push"', '"kind":"pull"'));
    await bench.makeQueue();
    const { told } = await bench.start().then(async (relay) => {
      await eventually(async () => expect(await commitsOnQueue()).toEqual([commitOf(2)]));
      await eventually(async () =>
        expect(await healthOf(relay.url)).toMatchObject({ spool: { waiting: 0 } }),
      );
      return relay;
    });
    expect(told).toMatch(/the delivery [0-9a-f-]{36} is left out, .*: kind has a value that is not known/);
  });
});
