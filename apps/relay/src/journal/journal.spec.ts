import { seededRandom } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JournalEntry } from './entry.js';
import { findEntries } from './find-entries.js';
import { Journal, JournalFull, type Batch } from './journal.js';

describe('journal', () => {
  let folder: string;
  const opened: Journal[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-journal-'));
  });

  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.close();
    await rm(folder, { recursive: true });
  });

  async function open(limits: Parameters<typeof Journal.open>[2] = {}): Promise<Journal> {
    const journal = await Journal.open(folder, undefined, limits);
    opened.push(journal);
    return journal;
  }

  function entry(text: string, metadata = {}): JournalEntry {
    return {
      sha256: createHash('sha256').update(text).digest('hex'),
      deliveries: [
        {
          v: 1,
          id: randomUUID(),
          source: 'github',
          tool: 'github',
          kind: 'push',
          event: 'push',
          action: null,
          delivery: `host-${text}`,
          received_at: '2026-01-02T03:04:05.678Z',
          payload: { bytes: text.length, keyed_sha256: 'ab'.repeat(32), key_id: 'k' },
          metadata,
        },
      ],
    };
  }

  async function drain(journal: Journal, max = 100): Promise<JournalEntry[]> {
    const all: JournalEntry[] = [];
    for (let batch: Batch | undefined; (batch = await journal.next(max, 1e6)); await journal.sent(batch))
      all.push(...batch.entries);
    return all;
  }

  const segments = async (): Promise<string[]> =>
    (await readdir(folder)).filter((name) => name.endsWith('.ndjson'));

  it('gives back what was appended, in order, over files and starts', async () => {
    const random = seededRandom();
    const entries = Array.from({ length: 300 }, (_, index) =>
      entry(`${index}`, { author: 'ü'.repeat(Math.floor(random() * 60)) }),
    );
    const sent: JournalEntry[] = [];
    let left = entries;
    while (left.length > 0) {
      const journal = await open({ segmentBytes: 4_000 });
      const some = left.slice(0, 1 + Math.floor(random() * 60));
      left = left.slice(some.length);
      await Promise.all(some.map((one) => journal.append(one)));
      const batch = await journal.next(1 + Math.floor(random() * 40), 1e6);
      if (batch && random() < 0.7) {
        await journal.sent(batch);
        sent.push(...batch.entries);
      }
      expect(journal.unsent.count).toBe(entries.length - left.length - sent.length);
      await journal.close();
      opened.pop();
    }
    const journal = await open();
    sent.push(...(await drain(journal)));
    expect(sent).toEqual(entries);
    expect(journal.unsent).toEqual({ count: 0, bytes: 0 });
    expect((await segments()).length).toBeGreaterThan(5);
    for (const { sha256, deliveries } of entries)
      expect(journal.find('github', sha256)).toBe(deliveries[0].id);
    expect(journal.find('gitlab', entries[0]?.sha256 ?? '')).toBeUndefined();
  });

  it('leaves out what a crash cut off, and goes on behind what is whole', async () => {
    const first = await open();
    await first.append(entry('one'));
    await appendFile(join(folder, '0000000001.ndjson'), '{"sha256":"abc');
    const second = await open();
    await second.append(entry('two'));
    expect((await drain(await open())).map(({ deliveries }) => deliveries[0].delivery)).toEqual([
      'host-one',
      'host-two',
    ]);
  });

  it('sends again what it knows no position for', async () => {
    const first = await open();
    await first.append(entry('one'));
    await drain(first);
    expect((await open()).unsent.count).toBe(0);
    await writeFile(join(folder, 'sent.json'), '');
    expect((await open()).unsent.count).toBe(1);
  });

  it('counts a damaged line as sent, and gives the others', async () => {
    const journal = await open();
    await journal.append(entry('one'));
    const file = join(folder, '0000000001.ndjson');
    await appendFile(file, `${'x'.repeat(50)}\n`);
    const again = await open();
    await again.append(entry('two'));
    expect(await drain(again)).toHaveLength(2);
    expect(again.unsent).toEqual({ count: 0, bytes: 0 });
  });

  it('says that the disk is damaged where a file has become shorter', async () => {
    const journal = await open();
    await journal.append(entry('one'));
    await truncate(join(folder, '0000000001.ndjson'), 0);
    await expect(journal.next(10, 1e6)).rejects.toThrow('is damaged');
  });

  it('takes no more than its room, and more once the queue has some', async () => {
    const journal = await open({ unsentBytes: 1_000 });
    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((text) => journal.append(entry(text))));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'rejected']);
    await expect(journal.append(entry('e'))).rejects.toThrow(JournalFull);
    await drain(journal);
    await journal.append(entry('e'));
    expect(journal.unsent.count).toBe(1);
  });

  it('forgets what is old and sent, and nothing that is not sent', async () => {
    const limits = { segmentBytes: 1, keptMs: 60_000 };
    const journal = await open(limits);
    for (const text of ['a', 'b', 'c']) await journal.append(entry(text));
    await journal.prune(Date.now() + 120_000);
    expect(await segments()).toHaveLength(3);
    await journal.sent((await journal.next(1, 1e6)) as Batch);
    await journal.sent((await journal.next(1, 1e6)) as Batch);
    await journal.prune(Date.now());
    expect(await segments()).toHaveLength(3);
    await journal.prune(Date.now() + 120_000);
    expect(await segments()).toEqual(['0000000002.ndjson', '0000000003.ndjson']);
    expect(journal.known).toBe(2);
    await utimes(join(folder, '0000000002.ndjson'), 1, 1);
    const again = await open(limits);
    await drain(again);
    await again.prune();
    expect(await segments()).toEqual(['0000000003.ndjson']);
    expect((await drain(again)).length).toBe(0);
  });

  it('forgets the oldest where there are too many', async () => {
    const journal = await open({ segmentBytes: 1, keptEntries: 2 });
    for (const text of ['a', 'b', 'c', 'd']) await journal.append(entry(text));
    await drain(journal);
    await journal.prune();
    expect(journal.known).toBe(2);
  });

  it('is looked up by the digest, the delivery and the host’s id', async () => {
    const journal = await open({ segmentBytes: 1 });
    const [one, two] = [entry('one'), entry('two')];
    await journal.append(one);
    await journal.append(two);
    await journal.sent((await journal.next(1, 1e6)) as Batch);
    const found = async (wanted: string): Promise<unknown[]> => {
      const all = [];
      for await (const item of findEntries(folder, wanted)) all.push(item);
      return all;
    };
    expect(await found(one.sha256)).toEqual([{ ...one, sent: true }]);
    expect(await found(two.deliveries[0].id)).toEqual([{ ...two, sent: false }]);
    expect(await found('host-two')).toEqual([{ ...two, sent: false }]);
    expect(await found('push')).toEqual([]);
  });

  it('keeps its files for its own user', async () => {
    await (await open()).append(entry('one'));
    expect(await readFile(join(folder, '0000000001.ndjson'), 'utf8')).toContain('host-one');
    const { stat } = await import('node:fs/promises');
    expect((await stat(join(folder, '0000000001.ndjson'))).mode & 0o777).toBe(0o600);
  });
});
