/** What a client of a queue's server opens: closed where connecting fails, and where more comes than any answer has. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { QueueError } from './user-queue.js';

/** Of one answer: a batch of messages of NATS' usual 1 MiB, and room. Those of a relay have 48 KiB. */
const ANSWER_MAX_MB = 32;
const LOOK_MS = 100;

const dialing = new AsyncLocalStorage<Line>();
subscribe('net.client.socket', (message) => {
  dialing.getStore()?.watch((message as { socket: Socket }).socket);
});
const lines = new WeakMap<object, Line>();

/**
 * Connects. A client may leave its socket open where the time was over before the server had greeted, or TLS was agreed on:
 * whoever names a silent host would have one after the other held open.
 */
export async function dial<Connection extends object>(
  connect: () => Promise<Connection>,
): Promise<Connection> {
  const line = new Line();
  try {
    const connection = await dialing.run(line, connect);
    lines.set(connection, line);
    return connection;
  } catch (error) {
    line.cut();
    throw line.problem ?? error;
  }
}

/** Of a connection that was dialed. */
export function lineOf(connection: unknown): Line | undefined {
  return lines.get(connection as object);
}

/**
 * The clients keep an answer in memory until it is whole: NATS' any number of messages of 64 MB each, Redis' whatever it
 * says that it is. Those of the control plane are connected to servers of its tenants.
 */
export class Line {
  readonly #sockets: Socket[] = [];
  #answered = 0;
  /** Why it was cut by us. */
  problem: QueueError | undefined;

  watch(socket: Socket): void {
    this.#sockets.push(socket);
    // Clients take away every listener of a socket, so that it is looked at and not listened to.
    const looking = setInterval(() => {
      if (socket.destroyed) return clearInterval(looking);
      if (this.#received - this.#answered > ANSWER_MAX_MB * 1024 ** 2) this.#tooMuch();
    }, LOOK_MS);
    looking.unref();
  }

  /** An answer is whole: what comes from now on belongs to the next. */
  answered(): void {
    this.#answered = this.#received;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Bytes, below TLS. */
  get #received(): number {
    return this.#sockets.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
  }

  #tooMuch(): void {
    this.problem = new QueueError(
      'queue_unavailable',
      `the server of the queue sent more than ${ANSWER_MAX_MB} MB at once, and the line was cut: take messages as large as that off the queue; deliveries have 48 KB at most`,
    );
    this.cut();
  }
}
