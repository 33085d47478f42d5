import type { OutputSink } from './executor.js';

/** Bytes before each piece: stream (1 stdout, 2 stderr), three zeros, length of the piece. */
const HEADER = 8;

/** Tells apart the streams of an attached container without a terminal. Reads no further than the sink takes. */
export async function pumpOutput(output: AsyncIterable<Buffer>, sink: OutputSink): Promise<void> {
  let rest: Buffer = Buffer.alloc(0);
  /** Bytes that the current piece still lacks. */
  let missing = 0;
  let stream: 'stdout' | 'stderr' = 'stdout';
  for await (const chunk of output) {
    rest = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    for (;;) {
      if (missing > 0) {
        const piece = rest.subarray(0, missing);
        if (piece.length === 0) break;
        missing -= piece.length;
        rest = rest.subarray(piece.length);
        await sink(stream, piece);
      } else if (rest.length >= HEADER) {
        stream = rest[0] === 2 ? 'stderr' : 'stdout';
        missing = rest.readUInt32BE(4);
        rest = rest.subarray(HEADER);
      } else break;
    }
  }
}

/** What both streams hold, as text: all of it, or the last `max` bytes. */
export async function textOf(output: AsyncIterable<Buffer> | Buffer[], max = Infinity): Promise<string> {
  let kept: Buffer = Buffer.alloc(0);
  await pumpOutput(output as AsyncIterable<Buffer>, async (_, piece) => {
    kept = Buffer.concat([kept, piece]);
    if (kept.length > max) kept = kept.subarray(-max);
  });
  return kept.toString('utf8');
}
