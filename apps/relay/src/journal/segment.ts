/** One file of the journal: `<number>.ndjson`, appended to until the next one begins. */
import { createReadStream } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^(\d{10})\.ndjson$/;
const LINE_FEED = 0x0a;

export interface Line {
  text: string;
  /** Offset of the byte after its line feed. */
  end: number;
}

export function segmentFile(folder: string, number: number): string {
  return join(folder, `${String(number).padStart(10, '0')}.ndjson`);
}

/** Numbers of the segments that are there, the oldest first. */
export async function segmentsIn(folder: string): Promise<number[]> {
  return (await readdir(folder))
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Whole lines from `offset` up to `limit`; what follows the last line feed was never acknowledged. */
export async function* linesOf(file: string, offset = 0, limit = Infinity): AsyncGenerator<Line> {
  if (limit <= offset) return;
  let rest: Buffer = Buffer.alloc(0);
  let end = offset;
  const stream = createReadStream(file, { start: offset, end: limit - 1, highWaterMark: 256 * 1024 });
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let at = rest.indexOf(LINE_FEED); at >= 0; at = rest.indexOf(LINE_FEED, from)) {
      end += at + 1 - from;
      yield { text: rest.toString('utf8', from, at), end };
      from = at + 1;
    }
    rest = rest.subarray(from);
  }
}

/** Makes the names in a folder survive a loss of power. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  await handle.sync().finally(() => handle.close());
}
