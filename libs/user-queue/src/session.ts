/** One connection at a time: opened when it is needed, thrown away when it fails, so that a queue that was away mends itself. */
import { lineOf, type Line } from './line.js';
import { QueueError } from './user-queue.js';

/** Of one exchange with a server; above what a busy server takes, below the patience of who waits for it. */
export const EXCHANGE_MS = 15_000;
export const CONNECT_MS = 5_000;

export interface SessionKind<Connection> {
  /** Also ends what it began when it fails. */
  connect(): Promise<Connection>;
  isOpen(connection: Connection): boolean;
  close(connection: Connection): Promise<void> | void;
  /** In the words of this kind. */
  explain(error: unknown): QueueError;
}

export class Session<Connection> {
  #current: Promise<Connection> | undefined;
  #closed = false;

  constructor(readonly kind: SessionKind<Connection>) {}

  /** @param forMs how long the work may take, apart from the connecting. @throws QueueError */
  async use<T>(work: (connection: Connection) => Promise<T>, forMs = EXCHANGE_MS): Promise<T> {
    let line: Line | undefined;
    try {
      const connection = await this.#connection();
      line = lineOf(connection);
      return await within(forMs, work(connection));
    } catch (cause) {
      const error = line?.problem ?? cause;
      const explained = error instanceof QueueError ? error : this.kind.explain(error);
      if (explained.code === 'queue_unavailable') await this.#drop();
      throw explained;
    } finally {
      line?.answered();
    }
  }

  /** For good. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const current = this.#current;
    this.#current = undefined;
    const connection = await current?.catch(() => undefined);
    if (connection) await this.kind.close(connection);
  }

  async #connection(): Promise<Connection> {
    if (this.#closed) throw new QueueError('queue_unavailable', 'the queue was closed');
    const known = this.#current;
    if (known) {
      const connection = await known;
      if (this.kind.isOpen(connection)) return connection;
      if (this.#current === known) this.#current = undefined;
    }
    return (this.#current ??= this.#open());
  }

  #open(): Promise<Connection> {
    const opening = this.kind.connect();
    opening.catch(() => {
      if (this.#current === opening) this.#current = undefined;
    });
    return opening;
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () =>
        reject(
          new QueueError('queue_unavailable', `the queue did not answer within ${Math.round(ms / 1000)} s`),
        ),
      ms,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
