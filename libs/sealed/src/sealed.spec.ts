import type { LogLine } from '@hybrid/contracts';
import { LOG_LINE_MAX_BYTES, SEALED_LINE_MAX_BYTES } from '@hybrid/contracts';
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  checkRecipients,
  LogSealer,
  makeSealKey,
  readIdentities,
  sealArtifact,
  SealedReader,
  type SealKey,
  type StoredLine,
} from './index.js';

let own: SealKey;
let others: SealKey;
beforeAll(async () => void ([own, others] = await Promise.all([makeSealKey(), makeSealKey()])));

const line = (seq: number, text = `line ${seq}`): LogLine => ({
  seq,
  time: '2026-01-01T00:00:00.000Z',
  stream: 'stdout',
  text,
});
const of = { job: 'job-1', attempt: 1 };

async function sealed(lines: LogLine[], where = of): Promise<StoredLine[]> {
  const sealer = await LogSealer.open([own.recipient]);
  const text = await sealer.seal(where, lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const rows = text.split('\n').slice(0, -1);
  return rows.map((row) => ({ ...(JSON.parse(row) as LogLine), attempt: where.attempt }));
}

async function end(seq: number): Promise<StoredLine> {
  const text = await (await LogSealer.open([own.recipient])).end(of, seq);
  return { ...(JSON.parse(text) as LogLine), attempt: 1 };
}

/** All that a reader sees. */
async function read(
  rows: StoredLine[],
  key = own,
): Promise<{ texts: string[]; warnings: string[]; withoutEnd: number[] }> {
  const log = new SealedReader([key.identity]).log('job-1');
  const opened = [];
  for (const row of rows) opened.push(await log.open(row));
  return {
    texts: opened.flatMap(({ lines }) => lines.map(({ text }) => text)),
    warnings: opened.flatMap(({ warnings }) => warnings),
    withoutEnd: log.withoutEnd,
  };
}

const count = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => line(from + index));

describe('a sealed log', () => {
  it('is read by its key, line by line, up to its end', async () => {
    const lines = count(0, 2_000);
    const rows = await sealed(lines);
    expect(rows.length).toBeGreaterThan(1);
    expect(JSON.stringify(rows)).not.toContain('line 7');
    expect(JSON.stringify(rows)).not.toContain(own.recipient);
    expect(rows.reduce((sum, row) => sum + row.sealed!.lines, 0)).toBe(2_000);
    expect(rows.at(-1)).toMatchObject({ seq: 1_999, stream: 'system', sealed: { for: [own.name] } });
    expect(await read([...rows, await end(2_000)])).toEqual({
      texts: lines.map(({ text }) => text),
      warnings: [],
      withoutEnd: [],
    });
  });

  it('keeps to its bound with the longest lines and the most keys', async () => {
    const keys = await Promise.all(Array.from({ length: 10 }, makeSealKey));
    const sealer = await LogSealer.open(keys.map(({ recipient }) => recipient));
    const longest = '\u001b[m'.repeat(LOG_LINE_MAX_BYTES / 3);
    for (const text of [longest, 'é'.repeat(LOG_LINE_MAX_BYTES / 2), '\\'.repeat(LOG_LINE_MAX_BYTES)]) {
      const where = { job: 'j'.repeat(100), attempt: 1_000_000 };
      const rows = (await sealer.seal(where, `${JSON.stringify(line(0, text))}\n`.repeat(3)))
        .trim()
        .split('\n');
      for (const row of rows)
        expect((JSON.parse(row) as LogLine).text.length).toBeLessThanOrEqual(SEALED_LINE_MAX_BYTES);
    }
  });

  it('is read by nobody else', async () => {
    await expect(read(await sealed([line(0)]), others)).rejects.toMatchObject({
      fault: 'other-key',
      message: expect.stringContaining(own.name),
    });
  });

  it('shows what the control plane did to it', async () => {
    const rows = (await Promise.all([0, 10, 20].map((from) => sealed(count(from, from + 10))))).flat();
    const [first, second, third] = rows as [StoredLine, StoredLine, StoredLine];
    expect((await read([first, third])).warnings).toEqual(['lines 10 to 19 of attempt 1 are missing']);
    expect((await read([first, third, second])).warnings).toContain(
      'lines from 10 on of attempt 1 come out of order, or twice',
    );
    expect((await read([first, first])).warnings).toHaveLength(1);
    expect((await read([first, second])).withoutEnd).toEqual([1]);
    expect((await read([first, { ...line(10), attempt: 1 }])).warnings).toEqual([
      'attempt 1 has lines that were not sealed',
    ]);
    const [strange] = await sealed([line(0)], { job: 'job-2', attempt: 1 });
    await expect(read([strange!])).rejects.toMatchObject({ fault: 'swapped' });
    const [earlier] = await sealed([line(0)], { job: 'job-1', attempt: 2 });
    await expect(read([{ ...earlier!, attempt: 1 }])).rejects.toMatchObject({ fault: 'swapped' });
    const text = `${first.text.slice(0, -8)}AAAA${first.text.slice(-4)}`;
    await expect(read([{ ...first, text }])).rejects.toMatchObject({ fault: 'damaged' });
    await expect(read([{ ...first, text: '§' }])).rejects.toMatchObject({ fault: 'damaged' });
  });
});

describe('a sealed artifact', () => {
  const head = { execution: 'run-1', key: 'dist', type: 'text/plain' };
  const seal = async (bytes: Buffer) => sealArtifact(head, one(bytes), [own.recipient]);

  it('is opened as a stream, as what it is', async () => {
    const bytes = Buffer.alloc(300_000, 'abc');
    const { type, bytes: opened } = await new SealedReader([own.identity]).openArtifact(
      await seal(bytes),
      head,
    );
    expect(type).toBe('text/plain');
    expect((await all(opened)).equals(bytes)).toBe(true);
    const empty = await new SealedReader([own.identity]).openArtifact(await seal(Buffer.alloc(0)), head);
    expect(await all(empty.bytes)).toHaveLength(0);
  });

  it('is no other, and fails where it was cut or changed', async () => {
    const reader = new SealedReader([own.identity]);
    const other = { ...head, key: 'other' };
    await expect(reader.openArtifact(await seal(Buffer.from('x')), other)).rejects.toMatchObject({
      fault: 'swapped',
    });
    const whole = await all(await seal(Buffer.alloc(200_000)));
    const cut = ReadableStream.from<Uint8Array>(one(whole.subarray(0, 100_000)));
    await expect(reader.openArtifact(cut, head).then(({ bytes }) => all(bytes))).rejects.toThrow();
    const mine = new SealedReader([others.identity]).openArtifact(await seal(Buffer.from('x')), head);
    await expect(mine).rejects.toMatchObject({ fault: 'other-key' });
  });
});

describe('keys', () => {
  it('are read from a file of hybrid seal-key or age-keygen, and never shown', () => {
    const file = `# created: today\n# public key: ${own.recipient}\n${own.identity}\n\n${others.identity}\n`;
    expect(readIdentities(file)).toEqual([own.identity, others.identity]);
    for (const wrong of [
      '',
      '# nothing',
      `${own.identity}X`,
      own.identity.replace(/.$/, 'B').replace(/.{6}$/, '222222'),
    ])
      expect(() => readIdentities(wrong)).toThrow(/^(?!.*AGE-SECRET-KEY-1[0-9A-Z]{20}).*$/);
  });

  it('are refused as recipients where they are none', () => {
    checkRecipients([own.recipient, others.recipient]);
    for (const wrong of [
      '',
      'age1',
      own.recipient.replace(/.$/, 'q').replace(/.{6}$/, 'qqqqqq'),
      own.identity.toLowerCase(),
    ])
      expect(() => checkRecipients([wrong])).toThrow(expect.objectContaining({ fault: 'bad-key' }));
    expect(() => checkRecipients(Array<string>(11).fill(own.recipient))).toThrow(/more than 10/);
  });
});

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function all(stream: ReadableStream<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
