/** Writes the messages of one call at the pace of its reader, and knows when to start nothing new. */
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js';
import { toServiceError } from './rpc-failure.js';

/** The long calls of the server, so that a shutdown can ask each of them to end. */
export type OpenCalls = Set<{ stop(): void }>;

type Call<Reply> = ServerWritableStream<unknown, Reply> | ServerDuplexStream<unknown, Reply>;

export class ReplyStream<Reply> {
  private readonly controller = new AbortController();
  private gone = false;
  private wake: (() => void) | undefined;
  private writable: Promise<void> | undefined;

  constructor(
    private readonly call: Call<Reply>,
    openCalls: OpenCalls,
  ) {
    openCalls.add(this);
    const leave = () => {
      openCalls.delete(this);
      this.gone = true;
      this.controller.abort();
      this.wake?.();
    };
    for (const event of ['cancelled', 'close', 'error', 'finish']) call.on(event, leave);
    call.on('drain', () => this.wake?.());
  }

  /** Aborts when the reader has gone or the server is stopping. */
  get closing(): AbortSignal {
    return this.controller.signal;
  }

  /** Asks the call to end; what is already under way may still be sent. */
  stop(): void {
    this.controller.abort();
  }

  /** Resolves when the next message may be written; at once, and without effect, when nobody reads any more. */
  async send(message: Reply): Promise<void> {
    if (this.gone || this.call.write(message)) return;
    this.writable ??= new Promise<void>((resolve) => {
      this.wake = () => {
        this.wake = this.writable = undefined;
        resolve();
      };
    });
    await this.writable;
  }
}

/** Ends the call once it is served, with the status of what broke it if anything did. */
export function endAfter<Reply>(call: Call<Reply>, served: Promise<void>): void {
  served.then(
    () => call.end(),
    (error: unknown) => {
      if (!call.cancelled) call.emit('error', toServiceError(error));
    },
  );
}
