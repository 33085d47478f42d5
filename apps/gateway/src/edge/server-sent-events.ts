import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';

export interface SseMessage {
  id?: string;
  event: string;
  data: unknown;
}

/** Proxies close connections that are silent for a minute, some for half of that. */
const KEEP_ALIVE_MS = 15_000;
const CONNECTED = ': connected\n\n';
const KEEP_ALIVE = ': keep-alive\n\n';

/** Streams messages until the source ends or the client leaves; `source` is told of that by the signal. */
export function sendEvents(
  reply: FastifyReply,
  source: (signal: AbortSignal) => Promise<AsyncIterable<SseMessage>>,
): void {
  const left = new AbortController();
  const stream = Readable.from(frames(source, left.signal), { objectMode: false, highWaterMark: 64 * 1024 });
  reply.raw.on('close', () => {
    left.abort();
    stream.destroy();
  });
  void reply
    .type('text/event-stream')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .send(stream);
}

async function* frames(
  source: (signal: AbortSignal) => Promise<AsyncIterable<SseMessage>>,
  signal: AbortSignal,
) {
  const messages = (await source(signal))[Symbol.asyncIterator]();
  // Sent once the source is open: what happens from now on will be seen.
  yield CONNECTED;
  let next = messages.next();
  while (!signal.aborted) {
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<'silence'>(
      (resolve) => (timer = setTimeout(() => resolve('silence'), KEEP_ALIVE_MS)),
    );
    const result = await Promise.race([next, silence]);
    clearTimeout(timer);
    if (result === 'silence') {
      yield KEEP_ALIVE;
      continue;
    }
    if (result.done) return;
    next = messages.next();
    yield frame(result.value);
  }
}

function frame({ id, event, data }: SseMessage): string {
  return `${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
