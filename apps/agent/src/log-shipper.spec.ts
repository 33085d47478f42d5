import { describe, expect, it } from '@jest/globals';
import type { LogLine } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { LogShipper } from './log-shipper.js';

function parse(batch: string): LogLine[] {
  return batch
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine);
}

describe('log shipper', () => {
  it('sends lines in order, numbered from 0, in few batches', async () => {
    const batches: string[] = [];
    const shipper = new LogShipper(async (batch) => void batches.push(batch));
    for (let line = 0; line < 1000; line++) shipper.add('stdout', `line ${line}`);
    await shipper.flush();
    const lines = batches.flatMap(parse);
    expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 1000 }, (_, seq) => seq));
    expect(lines[999]).toMatchObject({ stream: 'stdout', text: 'line 999' });
    expect(batches).toHaveLength(1);
  });

  it('keeps batches at 256 KiB', async () => {
    const batches: string[] = [];
    const shipper = new LogShipper(async (batch) => void batches.push(batch));
    for (let line = 0; line < 100; line++) shipper.add('stdout', 'x'.repeat(10_000));
    await shipper.flush();
    expect(batches.flatMap(parse)).toHaveLength(100);
    for (const batch of batches) expect(batch.length).toBeLessThanOrEqual(256 * 1024);
  });

  it('makes the reader wait while the buffer is full', async () => {
    let accept: () => void = () => undefined;
    const shipper = new LogShipper(() => new Promise<void>((resolve) => (accept = resolve)), 1000);
    shipper.add('stdout', 'x'.repeat(2000));
    let room = false;
    const waiting = shipper.room().then(() => (room = true));
    await shipper.room.call(new LogShipper(async () => undefined));
    expect(room).toBe(false);
    await eventually(() => {
      accept();
      expect(room).toBe(true);
    });
    await waiting;
    await shipper.flush();
  });

  it('ends quietly when sending is given up: nobody waits any more', async () => {
    const shipper = new LogShipper(() => Promise.reject(new Error('lease lost')), 10);
    shipper.add('stdout', 'x'.repeat(100));
    await shipper.room();
    await shipper.flush();
    shipper.add('stdout', 'dropped');
    await shipper.flush();
  });
});
