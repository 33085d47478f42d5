import {
  parsePosition,
  ProblemError,
  READ_MODEL_WAIT_MS,
  type CallContext,
  type Problem,
  type Request,
} from '@hybrid/contracts';
import { durationHistogram, withSpan } from '@hybrid/telemetry';
import {
  InvalidArgumentError,
  NoRespondersError,
  PermissionViolationError,
  TimeoutError,
  type Msg,
  type NatsConnection,
} from '@nats-io/transport-node';
import { BYTES_HEADER, callHeaders, INPUT_HEADER, POSITION_HEADER, PROBLEM_HEADER } from './call-headers.js';
import { outcomeOf } from './outcome.js';
import { ask, HolderGoneError, type Question } from './replies.js';
import { lastResortOf } from './subjects.js';

const duration = durationHistogram(
  'rpc.client.call.duration',
  'requests over NATS, as their sender saw them',
);

/** Sends typed requests to the other services. Not retried here: only the caller knows whether it may ask again. */
export class Requests {
  constructor(private readonly nats: NatsConnection) {}

  /**
   * @throws ProblemError the service's refusal, or `service_unavailable` when nobody answers, `timeout` when nobody
   * answered in time or whoever was at it died (the command may still be carried out: ask again with the same ids),
   * `message_too_large`, or `messaging_denied` where NATS does not let this service send it.
   * What the service wrote is told to `call.wrote`, also where it refused in the end.
   */
  async send<I, O>(request: Request<I, O>, input: I, call: CallContext): Promise<O> {
    return this.measured(request, Buffer.from(JSON.stringify(input)), call);
  }

  /** As `send`, with raw bytes as the message's body; `input` travels in a header and so must be small. */
  async sendBytes<I, O>(request: Request<I, O>, input: I, bytes: Uint8Array, call: CallContext): Promise<O> {
    return this.measured(request, bytes, call, JSON.stringify(input));
  }

  private async measured<I, O>(
    request: Request<I, O>,
    body: Uint8Array,
    call: CallContext,
    input?: string,
  ): Promise<O> {
    const begun = performance.now();
    let failure: unknown;
    try {
      return await this.exchange(request, body, call, input);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      duration.since(begun, outcomeOf(request.subject, failure));
    }
  }

  private async exchange<I, O>(
    request: Request<I, O>,
    body: Uint8Array,
    call: CallContext,
    input?: string,
  ): Promise<O> {
    return withSpan(
      `${request.subject} send`,
      { kind: 'client', attributes: { 'messaging.system': 'nats' } },
      async () => {
        const headers = callHeaders(call);
        if (input !== undefined) headers.set(INPUT_HEADER, input);
        // A read model that is behind may use up its wait before it answers.
        const timeoutMs = request.timeoutMs + (call.atLeast === undefined ? 0 : READ_MODEL_WAIT_MS);
        let reply: Msg;
        try {
          reply = await this.ask(request.subject, body, { timeoutMs, headers });
        } catch (error) {
          throw unanswered(request.subject, error);
        }
        const written = parsePosition(reply.headers?.get(POSITION_HEADER) ?? '');
        if (written !== null) call.wrote?.(written);
        if (reply.headers?.has(PROBLEM_HEADER)) throw new ProblemError(reply.json<Problem>());
        if (reply.headers?.has(BYTES_HEADER)) return reply.data as O;
        return (reply.data.length ? reply.json() : null) as O;
      },
    );
  }

  /** Nobody heard what nobody answers, so it may be asked again. */
  private ask(subject: string, body: Uint8Array, question: Question): Promise<Msg> {
    return ask(this.nats, subject, body, question).catch((error: unknown) => {
      if (!(error instanceof NoRespondersError)) throw error;
      return ask(this.nats, lastResortOf(subject), body, question);
    });
  }
}

function unanswered(subject: string, cause: unknown): unknown {
  if (cause instanceof NoRespondersError)
    return new ProblemError(
      {
        kind: 'unavailable',
        code: 'service_unavailable',
        detail: `no service answers ${subject} at the moment; try again`,
      },
      { cause },
    );
  if (cause instanceof TimeoutError)
    return new ProblemError(
      { kind: 'unavailable', code: 'timeout', detail: `${subject} was not answered in time; try again` },
      { cause },
    );
  if (cause instanceof HolderGoneError)
    return new ProblemError(
      {
        kind: 'unavailable',
        code: 'timeout',
        detail: `${subject} was not answered: the service went away meanwhile; try again`,
      },
      { cause },
    );
  if (cause instanceof PermissionViolationError)
    return new ProblemError(
      {
        kind: 'internal',
        code: 'messaging_denied',
        detail: `NATS does not let this service send ${subject}: its user lacks the permission (see infra/README.md)`,
      },
      { cause },
    );
  if (cause instanceof InvalidArgumentError)
    return new ProblemError(
      {
        kind: 'too_large',
        code: 'message_too_large',
        detail: `${subject}: the input is larger than a message may be (1 MiB unless NATS is told otherwise)`,
      },
      { cause },
    );
  return new ProblemError(
    { kind: 'unavailable', code: 'messaging_unavailable', detail: `${subject} could not be sent; try again` },
    { cause },
  );
}
