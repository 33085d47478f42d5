/** Calls of the clouds' SDKs: each bounded in time, their errors told as ours. */
import type { Place } from './place.js';
import { QueueError, type QueueProblem, type Verdict } from './user-queue.js';

/** An SDK's error, read: the service's code, never its text, which may repeat a signature or a token. */
export interface Trouble {
  problem: QueueProblem;
  code: string;
  /** The service does not know who asks, so that it says nothing about what they may do. */
  unknownCaller?: boolean;
}

interface Task {
  /** What is done: "receive messages". */
  what: string;
  /** What to grant where it is denied. */
  grant: string;
  signal?: AbortSignal;
  /** Milliseconds that the service may take on purpose (long polling), besides those of any call. */
  waitMs?: number;
}

/** How long a message is its reader's, unless told. */
export const LEASE_MS = 60_000;
/** Most of a call, its retries included. */
const CALL_MS = 15_000;

export class SdkCalls {
  constructor(
    /** For people. */
    readonly queue: string,
    private readonly read: (error: unknown) => Trouble,
    /** What is asked before each call; nothing where the host is the cloud's own. */
    private readonly place?: Place,
  ) {}

  /** @throws QueueError, without the SDK's error as its cause: that holds the request with its signature. */
  async run<T>(task: Task, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal, waitMs = 0 } = task;
    const limit = CALL_MS + waitMs;
    const control = new AbortController();
    const stop = () => control.abort();
    const timer = setTimeout(stop, limit);
    signal?.addEventListener('abort', stop, { once: true });
    try {
      if (signal?.aborted) stop();
      await this.place?.check();
      // Some SDKs see a signal only between their tries.
      return await Promise.race([call(control.signal), aborted(control.signal)]);
    } catch (error) {
      const late = control.signal.aborted && !signal?.aborted;
      throw late
        ? this.#error(task, { problem: 'queue_unavailable', code: `no answer within ${limit / 1000} s` })
        : this.#told(task, error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    }
  }

  /** As `run`, but nothing where the signal ended it: what the service gave out meanwhile comes again. */
  async until<T>(
    task: Task & { signal: AbortSignal },
    call: (signal: AbortSignal) => Promise<T[]>,
  ): Promise<T[]> {
    try {
      return await this.run(task, call);
    } catch (error) {
      if (task.signal.aborted) return [];
      throw error;
    }
  }

  /** As `run`; what was settled before, which the service tells by one of these codes, is well. */
  async settle(task: Task, gone: RegExp, call: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    await this.run(task, (signal) =>
      call(signal).catch((error: unknown) => {
        if (!gone.test(this.read(error).code)) throw error;
      }),
    );
  }

  /**
   * Whether the service lets it pass. `proof`: the error codes that only somebody who is allowed can see.
   * @throws QueueError where the service cannot be asked, or does not know who asks.
   */
  async verdict(
    task: Task,
    call: (signal: AbortSignal) => Promise<unknown>,
    proof: RegExp,
  ): Promise<Verdict> {
    return this.run(task, (signal) =>
      call(signal).then(
        (): Verdict => 'allowed',
        (error: unknown): Verdict => {
          const { problem, code, unknownCaller } = this.read(error);
          if (unknownCaller) throw error;
          if (problem === 'queue_denied') return 'denied';
          if (proof.test(code)) return 'allowed';
          if (problem === 'queue_misconfigured') return 'unknown';
          throw error;
        },
      ),
    );
  }

  #told(task: Task, error: unknown): QueueError {
    return error instanceof QueueError ? error : this.#error(task, this.read(error));
  }

  #error({ what, grant }: Task, { problem, code }: Trouble): QueueError {
    const remedies: Record<QueueProblem, string> = {
      queue_denied: `grant ${grant}, or hand in a credential that has it`,
      queue_missing: 'make it, or mend its name in the configuration',
      queue_misconfigured: 'compare the configuration and the credential with docs/queues.md',
      queue_unavailable: 'it is tried again; look at the network and at the state of the service',
    };
    return new QueueError(problem, `cannot ${what}: ${this.queue} says ${code}; ${remedies[problem]}`);
  }
}

/** The codes of Node for a connection that did not come to be or broke. */
export const isNetwork = (code: unknown): boolean =>
  typeof code === 'string' &&
  /^(E[A-Z_]+|UND_ERR\w*|CERT_\w+|DEPTH_ZERO\w*|SELF_SIGNED\w*|UNABLE_TO\w+)$/.test(code);

/** A code is a word; what is not one could be a text with anything in it. */
export const codeOf = (...found: unknown[]): string =>
  found.map((code) => (typeof code === 'number' ? String(code) : code)).find(isWord) ?? 'an unknown error';

const isWord = (code: unknown): code is string => typeof code === 'string' && /^[\w.:-]{1,80}$/.test(code);

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new DOMException('stopped', 'AbortError'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
