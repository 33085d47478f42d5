import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@hybrid/testing';
import type { LogLine } from '@hybrid/contracts';
import { mkdir, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BATCH_MAX, type AttemptLog } from './attempt-log.js';
import { SpoolRoom } from './spool-room.js';
import { Spool, type AttemptKey, type Outcome, type SpooledAttempt } from './spool.js';

const NEVER = new AbortController().signal;
const DONE: Outcome = { what: 'complete', body: { exit_code: 0 } };

describe('spool', () => {
  let path: string;
  let notices: string[];
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'hybrid-spool-'));
    notices = [];
  });
  afterEach(() => rm(path, { recursive: true, force: true }));

  function open(limitBytes = 1e9): Spool {
    return new Spool(path, new SpoolRoom(limitBytes), (text) => notices.push(text));
  }

  function key(job_id = 'job', attempt = 1): AttemptKey {
    return { agent_id: 'agent-1', job_id, attempt, lease_token: 'token', traceparent: '' };
  }

  /** Takes every batch as if the gateway had accepted it; answers them. Ends with the log. */
  async function takeAll(log: AttemptLog): Promise<LogLine[][]> {
    const batches: LogLine[][] = [];
    for (let batch = await log.next(NEVER); batch; batch = await log.next(NEVER)) {
      const text = (await log.bytesOf(batch)).toString();
      batches.push(
        text
          .split('\n')
          .slice(0, -1)
          .map((line) => JSON.parse(line) as LogLine),
      );
      await log.forget(batch);
    }
    return batches;
  }

  it('numbers lines from 0 and keeps batches at 256 KiB', async () => {
    const spool = open();
    const { log } = await spool.begin(key());
    for (let line = 0; line < 100; line++) log.add('stdout', `${line} ${'x'.repeat(10_000)}`);
    expect(spool.room.used).toBeGreaterThan(700_000);
    log.close();
    const batches = await takeAll(log);
    expect(batches.flat().map(({ seq }) => seq)).toEqual(Array.from({ length: 100 }, (_, seq) => seq));
    for (const batch of batches) expect(JSON.stringify(batch).length).toBeLessThanOrEqual(BATCH_MAX + 100);
    expect(batches).toHaveLength(4);
    expect(spool.room.used).toBe(0);
  });

  it('hands lines out while more are written, a few at a time', async () => {
    const { log } = await open().begin(key());
    const taken = takeAll(log);
    log.add('stdout', 'a');
    log.add('stderr', 'b');
    await eventually(async () => expect(await readdir(join(path, 'job-1'))).toEqual([]));
    log.add('system', 'c');
    log.close();
    log.add('stdout', 'too late');
    const texts = (await taken).flat().map(({ stream, text }) => `${stream} ${text}`);
    expect(texts).toEqual(['stdout a', 'stderr b', 'system c']);
  });

  it('gives back after a restart what had ended, in order, and nothing else', async () => {
    const before = open();
    const ended = await before.begin(key('a'));
    for (let line = 0; line < 60; line++) ended.log.add('stdout', 'x'.repeat(10_000));
    await ended.end(DONE);
    const running = await before.begin(key('b', 2));
    running.log.add('stdout', 'never ends');
    const told = await before.begin(key('c'));
    await told.end(DONE);
    await told.remove();

    const after = open();
    const left = await after.left('agent-1');
    expect(left.map((attempt) => attempt.key)).toEqual([key('a')]);
    expect(left[0]?.hasEnded).toBe(true);
    expect(await left[0]?.ended).toEqual(DONE);
    expect(after.room.used).toBeGreaterThan(600_000);
    const lines = (await takeAll((left[0] as SpooledAttempt).log)).flat();
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 60 }, (_, seq) => seq));
    await left[0]?.remove();
    expect(await readdir(path)).toEqual([]);
    expect(notices).toEqual([]);
  });

  it('leaves out a line that a crash has torn', async () => {
    const attempt = await open().begin(key());
    for (const text of ['whole', 'torn']) attempt.log.add('stdout', text);
    await attempt.end(DONE);
    const file = join(path, 'job-1', '000000000.ndjson');
    const { size } = await stat(file);
    await truncate(file, size - 5);
    const [left] = await open().left('agent-1');
    expect((await takeAll((left as SpooledAttempt).log)).flat().map(({ text }) => text)).toEqual(['whole']);
  });

  it.each([
    ['is not whole', '{"key":', /JSON/],
    [
      'is of another agent',
      JSON.stringify({ key: { ...key(), agent_id: 'other' }, outcome: DONE }),
      /agent other/,
    ],
  ])('drops a result that %s, and says so', async (_, text, message) => {
    await mkdir(join(path, 'job-1'));
    await writeFile(join(path, 'job-1', 'outcome.json'), text);
    expect(await open().left('agent-1')).toEqual([]);
    expect(notices).toEqual([expect.stringMatching(message)]);
    expect(await readdir(path)).toEqual([]);
  });

  it('makes writers of every attempt wait while it is full, until one is told or not wanted', async () => {
    const spool = open(300_000);
    const first = await spool.begin(key('a'));
    const second = await spool.begin(key('b'));
    for (let line = 0; line < 60; line++) first.log.add('stdout', 'x'.repeat(10_000));
    const stop = new AbortController();
    const order: string[] = [];
    const aborted = second.log.room(stop.signal).then(() => order.push('aborted'));
    const waiting = second.log.room(NEVER).then(() => order.push('room'));
    stop.abort();
    await aborted;
    expect(order).toEqual(['aborted']);
    await first.remove();
    await waiting;
    expect(spool.room.used).toBe(0);
  });

  it('leaves room for the others when one writes without end', async () => {
    const spool = open(1_000_000);
    const flood = await spool.begin(key('a'));
    const quiet = await spool.begin(key('b'));
    let chunks = 0;
    const stop = new AbortController();
    const flooding = (async () => {
      for (; !stop.signal.aborted; chunks++) {
        for (let line = 0; line < 10; line++) flood.log.add('stdout', 'x'.repeat(10_000));
        await flood.log.room(stop.signal);
      }
    })();
    await eventually(() => expect(spool.room.used).toBeGreaterThan(500_000));
    quiet.log.add('stdout', 'x'.repeat(10_000));
    await quiet.log.room(NEVER);
    expect(spool.room.used).toBeLessThan(900_000);
    stop.abort();
    await flooding;
    expect(chunks).toBeLessThan(12);
  });

  it('hands out the first line of a quiet log at once, and the rest together', async () => {
    const { log } = await open().begin(key());
    const begun = performance.now();
    log.add('stdout', 'first');
    expect((await log.next(NEVER))?.size).toBeGreaterThan(0);
    await log.forget((await log.next(NEVER))!);
    // The wait between batches is 100 ms.
    const atOnce = performance.now() - begun;
    for (let line = 0; line < 10; line++) log.add('stdout', `line ${line}`);
    const batch = (await log.next(NEVER))!;
    const together = performance.now() - begun;
    expect((await log.bytesOf(batch)).toString().split('\n')).toHaveLength(11);
    expect(together).toBeGreaterThan(atOnce);
    expect(together).toBeGreaterThanOrEqual(90);
  });

  it('keeps in memory what the disk does not take, and says so once', async () => {
    const attempt = await open().begin(key());
    await rm(join(path, 'job-1'), { recursive: true });
    for (let line = 0; line < 60; line++) attempt.log.add('stdout', 'x'.repeat(10_000));
    await attempt.end(DONE);
    expect((await takeAll(attempt.log)).flat()).toHaveLength(60);
    expect(await attempt.ended).toEqual(DONE);
    expect(notices).toEqual([
      expect.stringContaining('they stay in memory'),
      expect.stringContaining('it is lost if the agent ends'),
    ]);
  });

  it('makes a writer wait while memory holds too much that the disk does not take', async () => {
    const { log } = await open().begin(key());
    const most = () => {
      for (let line = 0; line < 90; line++) log.add('stdout', 'x'.repeat(100_000));
    };
    most();
    await log.persist();
    await log.room(NEVER);
    await rm(join(path, 'job-1'), { recursive: true });
    most();
    const stop = new AbortController();
    const order: string[] = [];
    const aborted = log.room(stop.signal).then(() => order.push('aborted'));
    const waiting = log.room(NEVER).then(() => order.push('room'));
    await eventually(() => expect(notices).toEqual([expect.stringContaining('they stay in memory')]));
    stop.abort();
    await aborted;
    expect(order).toEqual(['aborted']);
    log.close();
    await takeAll(log);
    await waiting;
  });

  it('takes no path from an id', async () => {
    await (await open().begin(key('../../x'))).end(DONE);
    expect(await readdir(path)).toEqual(['______x-1']);
  });
});
