/** Patience with an event store that is away for a moment, below that of whoever waits for the answer. */
import { ProblemError } from '@hybrid/contracts';

/** How long work is repeated while the event store does not answer: below the callers' five seconds. */
const RETRY_FOR_MS = 4_000;
/** One try: the client waits for ever for a read, and for the reply to an append, from a server that fell silent. */
const TRY_MS = 3_000;

/**
 * Repeats what may be repeated while the event store is away; `work` is told how many milliseconds it has.
 * @throws ProblemError `event_store_unavailable`; the last try may still be carried out.
 */
export async function whileUnavailable<T>(work: (deadline: number) => Promise<T>): Promise<T> {
  const end = performance.now() + RETRY_FOR_MS;
  for (let pause = 25; ; pause = Math.min(pause * 2, 400)) {
    const left = end - performance.now();
    try {
      return await within(Math.max(pause, Math.min(TRY_MS, left)), work);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      if (performance.now() + pause > end)
        throw new ProblemError(
          {
            kind: 'unavailable',
            code: 'event_store_unavailable',
            detail: 'the event store does not answer; try again',
          },
          { cause: error },
        );
    }
    await new Promise((wake) => setTimeout(wake, pause));
  }
}

/** Nothing came back in time. */
class NoReplyError extends Error {
  readonly type = 'timeout';
  constructor(ms: number) {
    super(`the event store did not reply within ${Math.round(ms)} ms`);
    this.name = 'NoReplyError';
  }
}

async function within<T>(ms: number, work: (deadline: number) => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoReplyError(ms)), ms);
  });
  try {
    return await Promise.race([work(ms), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The client has classes for some of the ways in which a server can be away, and bare gRPC errors for others. */
const UNAVAILABLE_TYPES = new Set(['unavailable', 'deadline-exceeded', 'cancelled', 'not-leader', 'timeout']);
const UNAVAILABLE_CODES = new Set([1, 4, 14]);

function isUnavailable(error: unknown): boolean {
  const { type, code } = error as { type?: string; code?: number };
  return (
    (type !== undefined && UNAVAILABLE_TYPES.has(type)) || (code !== undefined && UNAVAILABLE_CODES.has(code))
  );
}
