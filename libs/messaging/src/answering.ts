/** Answers requests on core NATS: one handler for one subject, for as long as it is wanted. */
import { problem, ProblemError, type CallContext, type Problem } from '@hybrid/contracts';
import { durationHistogram, withSpan } from '@hybrid/telemetry';
import { MsgHdrsImpl, nuid, type Msg, type NatsConnection, type Subscription } from '@nats-io/transport-node';
import {
  BYTES_HEADER,
  HOLDER_HEADER,
  INPUT_HEADER,
  POSITION_HEADER,
  PROBLEM_HEADER,
  readCall,
} from './call-headers.js';
import { outcomeOf } from './outcome.js';
import { aliveSubject, answererOf, lastResortOf } from './subjects.js';

const duration = durationHistogram('rpc.server.call.duration', 'requests over NATS, as who answers saw them');

type Headers = Record<string, [string]>;

export interface AnswerOptions {
  nats: NatsConnection;
  subject: string;
  /** Those of one queue share the requests; none: everybody gets each message. */
  queue?: string;
  /** Name of the span and in figures, where there are many subjects of one kind; the subject unless told. */
  name?: string;
  /** Answers the subject's last resort too, always, so that it may be left to others: see `takePart`. */
  lastResort?: boolean;
  handler: (input: unknown, call: CallContext) => unknown;
  log: (error: string) => void;
}

/** From its making on. What a handler throws is the reply: a ProblemError as it is, anything else as `internal`. */
export class Answering {
  private subscription?: Subscription;
  private readonly lastResort?: Subscription;
  private stopping = false;
  private readonly inFlight = new Set<Promise<void>>();
  private readonly name: string;

  constructor(private readonly options: AnswerOptions) {
    const { subject, name = subject, lastResort } = options;
    this.name = name;
    this.subscription = this.subscribe(subject);
    if (lastResort) this.lastResort = this.subscribe(lastResortOf(subject));
  }

  /**
   * False: requests are left to other replicas, as long as there are any; those that came already are answered. What
   * has no last resort goes on: nobody else would answer it.
   */
  takePart(now: boolean): void {
    if (this.stopping || !this.lastResort || now === (this.subscription !== undefined)) return;
    void drained(this.subscription);
    this.subscription = now ? this.subscribe(this.options.subject) : undefined;
  }

  /** Takes no more requests; resolves when those that it has are answered. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all([drained(this.subscription), drained(this.lastResort)]);
    await Promise.all(this.inFlight);
  }

  private subscribe(subject: string): Subscription {
    const { nats, queue, log } = this.options;
    return nats.subscribe(subject, {
      queue,
      callback: (error, message) => {
        if (error) {
          log(`${subject}: ${error.message}`);
          return;
        }
        // JetStream brings a stored message wherever a pull names as its reply, whatever that service may publish itself.
        if (message.subject !== subject) {
          log(`${subject}: refused a message that was published on ${message.subject}`);
          return;
        }
        const work = this.answer(message).finally(() => this.inFlight.delete(work));
        this.inFlight.add(work);
      },
    });
  }

  private async answer(message: Msg): Promise<void> {
    const parent = message.headers?.get('traceparent') || null;
    const begun = performance.now();
    const reply: Headers = {};
    let written = -1n;
    // The highest, as one request may append to several streams.
    const wrote = (position: bigint) => {
      if (position <= written) return;
      written = position;
      reply[POSITION_HEADER] = [position.toString()];
    };
    const takesTime = () => respond(message, '', { [HOLDER_HEADER]: [this.aliveAt()] });
    let failure: unknown;
    try {
      const result = await withSpan(`${this.name} process`, { kind: 'server', parent }, async () =>
        this.options.handler(readInput(message), { ...readCall(message.headers), wrote, takesTime }),
      );
      if (result instanceof Uint8Array) respond(message, result, reply, BYTES_HEADER);
      else respond(message, JSON.stringify(result ?? null), reply);
    } catch (error) {
      failure = error;
      respond(message, JSON.stringify(this.describe(error)), reply, PROBLEM_HEADER);
    } finally {
      duration.since(begun, outcomeOf(this.name, failure));
    }
  }

  /** NATS forgets it at the very moment at which this process is gone. */
  private aliveAt(): string {
    const { nats, subject } = this.options;
    const service = answererOf(subject);
    const ours = alive.get(nats) ?? new Map<string, string>();
    alive.set(nats, ours);
    let own = ours.get(service);
    if (!own) {
      ours.set(service, (own = aliveSubject(service, nuid.next())));
      nats.subscribe(own, { callback: (_, message) => void message.respond() });
    }
    return own;
  }

  /** What broke stays in the log; the caller learns a code. */
  private describe(error: unknown): Problem {
    if (error instanceof ProblemError) return error.problem;
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.options.log(`${this.name}: ${why}`);
    return problem('internal', 'internal', `${this.name} failed; the service's log says why`).problem;
  }
}

/** By connection and service. */
const alive = new WeakMap<NatsConnection, Map<string, string>>();

/** Not there any more where the connection is closed. */
async function drained(subscription: Subscription | undefined): Promise<void> {
  await subscription?.drain().catch(() => undefined);
}

function readInput(message: Msg): unknown {
  const input = message.headers?.get(INPUT_HEADER);
  if (input) return { ...(JSON.parse(input) as object), bytes: message.data };
  return message.data.length ? message.json() : {};
}

function respond(message: Msg, body: string | Uint8Array, headers: Headers, mark?: string): void {
  if (mark) headers[mark] = ['1'];
  message.respond(
    // The client's own way from text to bytes takes twice as long.
    typeof body === 'string' ? Buffer.from(body) : body,
    // Not by `set`: it checks the constant names letter by letter each time.
    Object.keys(headers).length > 0 ? { headers: MsgHdrsImpl.fromRecord(headers) } : undefined,
  );
}
