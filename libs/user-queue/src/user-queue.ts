/**
 * The customer's own queue, whatever it is: the relay writes, the control plane reads. At least once, in no promised
 * order; a message is gone only when it was removed.
 */

/** The relay's side, and the control plane's towards the customer's queue of decisions. */
export interface QueueWriter {
  /** @throws QueueError `queue_denied` with what to grant, `queue_unavailable`. */
  verifyAccess(): Promise<void>;
  /** Resolves once the queue has all of them for good. On an error any of them may be there: sent again, they come twice. */
  send(bodies: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** The control plane's side: it may take and remove, never add. */
export interface QueueReader {
  /** Tries what the credential may do, without leaving a trace on the queue. */
  verifyAccess(): Promise<ReaderAccess>;
  /** Up to `max`, after at most `waitMs`; none is an answer. What is not removed or released comes again after a while. */
  receive(options: ReceiveOptions): Promise<ReceivedMessage[]>;
  /** For good: after the decision is durable. */
  remove(messages: readonly ReceivedMessage[]): Promise<void>;
  /** Back to the queue, to come again at once. */
  release(messages: readonly ReceivedMessage[]): Promise<void>;
  /** To the side queue, for people to look at, and off this one. */
  putAside(message: ReceivedMessage, reason: string): Promise<void>;
  backlog(): Promise<Backlog>;
  close(): Promise<void>;
}

export interface ReceiveOptions {
  max: number;
  waitMs: number;
  signal: AbortSignal;
}

export interface ReceivedMessage {
  /** Opaque; of this reader only. A plain text, so that a message is plain data. */
  receipt: string;
  body: string;
  /** How often it was given out, this time included; null where the queue does not count. */
  deliveries: number | null;
  /** RFC 3339 UTC; null where the queue does not tell. */
  sent_at: string | null;
}

/** Null: the queue does not tell. */
export interface Backlog {
  messages: number | null;
  oldest_seconds: number | null;
}

export type Verdict = 'allowed' | 'denied' | 'unknown';

export interface ReaderAccess {
  receive: Verdict;
  remove: Verdict;
  /** Should be denied. */
  send: Verdict;
  /** What to grant or to take away, in the words of this kind of queue; empty where all is as it should be. */
  remedies: string[];
}

export type QueueProblem = 'queue_unavailable' | 'queue_denied' | 'queue_missing' | 'queue_misconfigured';

/** Never holds a credential. `message` says what to do. */
export class QueueError extends Error {
  override readonly name = 'QueueError';

  constructor(
    readonly code: QueueProblem,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
