import { startPostgres, type ServerWithUrl } from '@hybrid/servers';
import { breakableLine, type BrokenLine, eventually, unlessStalled } from '@hybrid/testing';
import type { Reach } from '@hybrid/messaging';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Pool, PoolClient } from 'pg';
import { connectPostgres } from './connections.js';
import { whileLocked } from './lock.js';

const SILENCE_MS = 1_500;

interface Holder {
  /** One for each time that it got the lock. */
  held: { connection: PoolClient; signal: AbortSignal; stillHeld: () => boolean }[];
  log: string[];
}

describe('a lock', () => {
  let directory: string;
  let postgres: ServerWithUrl;
  const ends: (() => Promise<unknown>)[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'hybrid-lock-'));
    postgres = await startPostgres({ dataDir: directory });
  });
  afterAll(async () => {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  });
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });

  const poolThrough = (port: number): Pool => {
    const pool = connectPostgres(postgres.url.replace(`:${postgres.port}/`, `:${port}/`), 'spec');
    ends.push(() => pool.end());
    return pool;
  };
  const line = async (): Promise<BrokenLine> => {
    const one = await breakableLine(postgres.port);
    ends.push(() => one.close());
    return one;
  };
  /** Holds the lock until it is lost or the spec ends. */
  const hold = (pool: Pool, name: string, reach?: Reach): Holder => {
    const holder: Holder = { held: [], log: [] };
    const stop = new AbortController();
    const running = whileLocked(
      pool,
      name,
      stop.signal,
      (message) => holder.log.push(message),
      async (connection, signal, stillHeld) => {
        holder.held.push({ connection, signal, stillHeld });
        if (!signal.aborted)
          await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      },
      { silenceMs: SILENCE_MS, reach },
    );
    ends.push(() => (stop.abort(), running));
    return holder;
  };
  const name = () => `lock-${randomUUID()}`;

  /** Who stands still, or whose PostgreSQL does, loses the lock by right: then it is tried again. */
  const whileHeardOf = (pool: Pool, work: () => Promise<void>) =>
    unlessStalled(SILENCE_MS / 3, work, [() => pool.query('select 1')]);

  it('has one holder, who keeps it while it says nothing itself', async () => {
    const pool = poolThrough(postgres.port);
    await whileHeardOf(pool, async () => {
      const lock = name();
      const first = hold(pool, lock);
      await eventually(() => expect(first.held).toHaveLength(1));
      const second = hold(pool, lock);
      const begun = performance.now();
      await eventually(() => expect(performance.now() - begun).toBeGreaterThan(2 * SILENCE_MS));
      expect(first.held[0]!.stillHeld()).toBe(true);
      expect(first.held[0]!.signal.aborted).toBe(false);
      expect(second.held).toHaveLength(0);
    });
  });

  it('is kept through a failed transaction', async () => {
    const pool = poolThrough(postgres.port);
    await whileHeardOf(pool, async () => {
      const one = hold(pool, name());
      await eventually(() => expect(one.held).toHaveLength(1));
      const { connection, stillHeld } = one.held[0]!;
      await connection.query('begin');
      await expect(connection.query('select 1 / 0')).rejects.toThrow(/division/);
      const begun = performance.now();
      await eventually(() => expect(performance.now() - begun).toBeGreaterThan(1.2 * SILENCE_MS));
      await connection.query('rollback');
      expect(stillHeld()).toBe(true);
      expect(one.log).toEqual([]);
    });
  });

  it('goes to another when its holder hears nothing any more; the holder knows before', async () => {
    const through = await line();
    const lock = name();
    const deaf = hold(poolThrough(through.port), lock);
    await eventually(() => expect(deaf.held).toHaveLength(1));
    const heir = hold(poolThrough(postgres.port), lock);
    through.mute();
    const { signal, stillHeld } = deaf.held[0]!;
    let knewFirst = false;
    await eventually(() => {
      if (heir.held.length === 0 && !stillHeld()) knewFirst = true;
      expect(heir.held).toHaveLength(1);
    });
    expect(knewFirst).toBe(true);
    expect(signal.aborted).toBe(true);
    expect(deaf.log.join('\n')).toMatch(/the lock is lost: PostgreSQL did not answer/);
  });

  it('goes to another when its holder says nothing any more', async () => {
    const lock = name();
    const pool = poolThrough(postgres.port);
    // What a stopped process is to PostgreSQL: a session that holds the lock, open and silent.
    const through = await line();
    const silent = hold(poolThrough(through.port), lock);
    await eventually(() => expect(silent.held).toHaveLength(1));
    const heir = hold(pool, lock);
    through.freeze();
    await eventually(() => expect(heir.held).toHaveLength(1));
    expect(silent.held[0]!.stillHeld()).toBe(false);
  });

  it('is left to another while its holder is cut off from what the work needs, and by that one in turn', async () => {
    const pool = poolThrough(postgres.port);
    const lock = name();
    const reaches = [breakableReach(), breakableReach()];
    const first = hold(pool, lock, reaches[0]);
    await eventually(() => expect(first.held).toHaveLength(1));
    const second = hold(pool, lock, reaches[1]);
    reaches[0]!.tell(false);
    expect(first.held[0]!.signal.aborted).toBe(true);
    await eventually(() => expect(second.held).toHaveLength(1));
    reaches[1]!.tell(false);
    reaches[0]!.tell(true);
    await eventually(() => expect(first.held).toHaveLength(2));
    expect([...first.log, ...second.log]).toEqual([]);
  });

  it('fails the query that its holder waits for in vain, so that it can try again', async () => {
    const through = await line();
    const one = hold(poolThrough(through.port), name());
    await eventually(() => expect(one.held).toHaveLength(1));
    through.mute();
    await expect(one.held[0]!.connection.query('select 2')).rejects.toThrow();
    through.cut();
    await eventually(() => expect(one.held).toHaveLength(2));
  });
});

/** Reached until it is told otherwise. */
function breakableReach(): Reach & { tell(reached: boolean): void } {
  const watchers: ((reached: boolean) => void)[] = [];
  return {
    watch: (watcher) => void watchers.push(watcher),
    tell: (reached) => watchers.forEach((watcher) => watcher(reached)),
  };
}
