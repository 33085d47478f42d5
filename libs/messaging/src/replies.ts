/**
 * Requests whose replies come over one subscription of the connection. The client's own `request` makes an error with a
 * stack for each reply that comes, and races a promise against it: the second largest cost of a busy process.
 */
import { createInbox, NoRespondersError, TimeoutError } from '@nats-io/transport-node';
import type { Msg, MsgHdrs, NatsConnection } from '@nats-io/transport-node';

export interface Question {
  headers: MsgHdrs;
  timeoutMs: number;
}

/**
 * Sends one message and waits for the first reply.
 * @throws NoRespondersError nobody listens; TimeoutError; what the client throws where it cannot send.
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
  timer: NodeJS.Timeout;
  resolve: (reply: Msg) => void;
  reject: (error: Error) => void;
}

class Replies {
  /** With its dot: numbers of questions follow. */
  private readonly inbox = `${createInbox()}.`;
  private readonly waiting = new Map<string, Waiting>();
  private asked = 0;

  constructor(private readonly nats: NatsConnection) {
    nats.subscribe(`${this.inbox}*`, { callback: (_, message) => this.take(message) });
    void nats.closed().then(() => {
      for (const number of [...this.waiting.keys()])
        this.done(number)?.reject(new Error('the connection to NATS was closed'));
    });
  }

  ask(subject: string, body: string | Uint8Array, { headers, timeoutMs }: Question): Promise<Msg> {
    return new Promise((resolve, reject) => {
      const number = String(this.asked++);
      const timer = setTimeout(() => this.done(number)?.reject(new TimeoutError()), timeoutMs);
      this.waiting.set(number, { subject, timer, resolve, reject });
      try {
        this.nats.publish(subject, body, { reply: this.inbox + number, headers });
      } catch (error) {
        this.done(number)?.reject(error as Error);
      }
    });
  }

  private take(reply: Msg): void {
    const waiting = this.done(reply.subject.slice(this.inbox.length));
    if (!waiting) return;
    // How the server says that nobody listens; only looked for where there is no body.
    if (reply.data.length === 0 && reply.headers?.code === 503)
      waiting.reject(new NoRespondersError(waiting.subject));
    else waiting.resolve(reply);
  }

  private done(number: string): Waiting | undefined {
    const waiting = this.waiting.get(number);
    if (!waiting) return undefined;
    this.waiting.delete(number);
    clearTimeout(waiting.timer);
    return waiting;
  }
}

const all = new WeakMap<NatsConnection, Replies>();
