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

/** Several at once are sent as one piece: what comes in masses costs less so. */
type Source = (signal: AbortSignal) => Promise<AsyncIterable<SseMessage | SseMessage[]>>;

/**
 * Streams messages until the source ends, the client leaves, or the process stops (`stopping`): an open stream would
 * keep the server from closing. The source is told of the last two by its signal.
 */
export function sendEvents(reply: FastifyReply, stopping: AbortSignal, source: Source): void {
  const over = new AbortController();
  const end = () => over.abort();
  const stream = Readable.from(frames(source, over.signal), { objectMode: false, highWaterMark: 64 * 1024 });
  stopping.addEventListener('abort', end, { once: true });
  if (stopping.aborted) end();
  reply.raw.on('close', () => {
    stopping.removeEventListener('abort', end);
    end();
    stream.destroy();
  });
  void reply
    .type('text/event-stream')
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    // Its end is the connection's: a stop does not wait for the client to let go of it.
    .header('connection', 'close')
    .send(stream);
}

async function* frames(source: Source, signal: AbortSignal) {
  const messages = (await source(signal))[Symbol.asyncIterator]();
  // Sent once the source is open: what happens from now on will be seen.
  yield CONNECTED;
  let next = messages.next();
  try {
    while (!signal.aborted) {
      const result = await within(KEEP_ALIVE_MS, signal, next);
      if (result === 'over') return;
      if (result === 'silence') {
        yield KEEP_ALIVE;
        continue;
      }
      if (result.done) return;
      next = messages.next();
      yield [result.value].flat().map(frame).join('');
    }
  } finally {
    // Nobody waits for these any more; a source that is waiting itself ends by the signal.
    next.catch(() => undefined);
    messages.return?.().catch(() => undefined);
  }
}

async function within<T>(ms: number, signal: AbortSignal, work: Promise<T>): Promise<T | 'silence' | 'over'> {
  let timer: NodeJS.Timeout | undefined;
  let end: () => void = () => undefined;
  const quiet = new Promise<'silence' | 'over'>((resolve) => {
    timer = setTimeout(() => resolve('silence'), ms);
    end = () => resolve('over');
    signal.addEventListener('abort', end, { once: true });
  });
  try {
    return await Promise.race([work, quiet]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}

function frame({ id, event, data }: SseMessage): string {
  return `${id ? `id: ${id}\n` : ''}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
