/**
 * Requests whose replies come over one subscription of the connection. The client's own `request` makes an error with a
 * stack for each reply that comes, and races a promise against it: the second largest cost of a busy process.
 */
import {
  createInbox,
  headers,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
} from '@nats-io/transport-node';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';
import { HOLDER_HEADER } from './call-headers.js';
import { inboxPrefixOf } from './connection.js';
import { answererOf, replySubject } from './subjects.js';

/** How often those who said that a reply takes its time are looked after. Each costs two messages, however much it holds. */
const LOOK_MS = 1_000;

export interface Question {
  headers: MsgHdrs;
  timeoutMs: number;
}

/** Whoever worked on the question is gone. It may have been carried out. */
export class HolderGoneError extends Error {
  override readonly name = 'HolderGoneError';
}

/**
 * Sends one message and waits for the reply.
 * @throws NoRespondersError nobody listens; TimeoutError; HolderGoneError; PermissionViolationError NATS does not let this
 * service send it; what the client throws where it cannot send.
 */
export function ask(
  nats: NatsConnection,
  subject: string,
  body: string | Uint8Array,
  question: Question,
): Promise<Msg> {
  let replies = all.get(nats);
  if (!replies) all.set(nats, (replies = new Replies(nats)));
  return replies.ask(subject, body, question);
}

interface Waiting {
  subject: string;
  /** Answered as long as whoever works on it is there; told where that takes its time. */
  holder?: string;
  timer: NodeJS.Timeout;
  resolve: (reply: Msg) => void;
  reject: (error: Error) => void;
}

class Replies {
  private readonly inbox: string;
  /** By the reply's subject, which says who may answer: what comes from anybody else is no reply. */
  private readonly waiting = new Map<string, Waiting>();
  private asked = 0;
  private looking?: NodeJS.Timeout;

  constructor(private readonly nats: NatsConnection) {
    this.inbox = createInbox(inboxPrefixOf(nats));
    nats.subscribe(`${this.inbox}.>`, { callback: (_, message) => this.take(message) });
    void this.hearDenials();
    void nats.closed().then(() => {
      for (const reply of [...this.waiting.keys()])
        this.done(reply)?.reject(new Error('the connection to NATS was closed'));
    });
  }

  ask(subject: string, body: string | Uint8Array, { headers, timeoutMs }: Question): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const reply = replySubject(this.inbox, answererOf(subject), String(this.asked++));
      const timer = setTimeout(() => this.done(reply)?.reject(new TimeoutError()), timeoutMs);
      this.waiting.set(reply, { subject, timer, resolve, reject });
      try {
        this.nats.publish(subject, body, { reply, headers });
      } catch (error) {
        this.done(reply)?.reject(error as Error);
      }
    });
  }

  private take(reply: Msg): void {
    const { subject } = reply;
    // Only looked for where there is no body.
    const bare = reply.data.length === 0 ? reply.headers : undefined;
    if (bare?.has(HOLDER_HEADER)) return this.hold(subject, bare.get(HOLDER_HEADER));
    const waiting = this.done(subject);
    if (!waiting) return;
    // How the server says that nobody listens.
    if (bare?.code === 503) waiting.reject(new NoRespondersError(waiting.subject));
    else waiting.resolve(reply);
  }

  private hold(reply: string, holder: string): void {
    const waiting = this.waiting.get(reply);
    if (!waiting) return;
    waiting.holder = holder;
    this.looking ??= setInterval(() => this.lookAfterHolders(), LOOK_MS).unref();
  }

  private lookAfterHolders(): void {
    const holders = new Set([...this.waiting.values()].flatMap(({ holder }) => holder ?? []));
    if (holders.size === 0) {
      clearInterval(this.looking);
      this.looking = undefined;
    }
    for (const holder of holders)
      this.ask(holder, '', { headers: headers(), timeoutMs: LOOK_MS }).catch((error: unknown) => {
        // One that is slow, or does not answer, may be there.
        if (error instanceof NoRespondersError) this.forget(holder);
      });
  }

  private forget(gone: string): void {
    for (const [reply, { holder, subject }] of [...this.waiting])
      if (holder === gone)
        this.done(reply)?.reject(new HolderGoneError(`whoever worked on ${subject} is gone`));
  }

  /** The server names the subject alone; what it denies to one question it denies to all of that subject. */
  private async hearDenials(): Promise<void> {
    for await (const status of this.nats.status())
      if (status.type === 'error' && status.error instanceof PermissionViolationError)
        for (const [reply, { subject }] of [...this.waiting])
          if (subject === status.error.subject) this.done(reply)?.reject(status.error);
  }

  private done(reply: string): Waiting | undefined {
    const waiting = this.waiting.get(reply);
    if (!waiting) return undefined;
    this.waiting.delete(reply);
    clearTimeout(waiting.timer);
    return waiting;
  }
}

const all = new WeakMap<NatsConnection, Replies>();
