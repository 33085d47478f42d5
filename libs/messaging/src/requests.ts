import { ProblemError, type CallContext, type Problem, type Request } from '@hybrid/contracts';
import { withSpan } from '@hybrid/telemetry';
import {
  InvalidArgumentError,
  NoRespondersError,
  RequestError,
  TimeoutError,
  type Msg,
  type NatsConnection,
} from '@nats-io/transport-node';
import { BYTES_HEADER, callHeaders, INPUT_HEADER, PROBLEM_HEADER } from './call-headers.js';

/** Sends typed requests to the other services. Not retried here: only the caller knows whether it may ask again. */
export class Requests {
  constructor(private readonly nats: NatsConnection) {}

  /**
   * @throws ProblemError the service's refusal, or `service_unavailable` when nobody answers, `timeout` when nobody
   * answered in time (the command may still be carried out: ask again with the same ids), or `message_too_large`.
   */
  async send<I, O>(request: Request<I, O>, input: I, call: CallContext): Promise<O> {
    return this.exchange(request, JSON.stringify(input), call);
  }

  /** As `send`, with raw bytes as the message's body; `input` travels in a header and so must be small. */
  async sendBytes<I, O>(request: Request<I, O>, input: I, bytes: Uint8Array, call: CallContext): Promise<O> {
    return this.exchange(request, bytes, call, JSON.stringify(input));
  }

  private async exchange<I, O>(
    request: Request<I, O>,
    body: string | Uint8Array,
    call: CallContext,
    input?: string,
  ): Promise<O> {
    return withSpan(
      `${request.subject} send`,
      { kind: 'client', attributes: { 'messaging.system': 'nats' } },
      async () => {
        const headers = callHeaders(call);
        if (input !== undefined) headers.set(INPUT_HEADER, input);
        let reply: Msg;
        try {
          reply = await this.nats.request(request.subject, body, { timeout: request.timeoutMs, headers });
        } catch (error) {
          throw unanswered(request.subject, error);
        }
        if (reply.headers?.has(PROBLEM_HEADER)) throw new ProblemError(reply.json<Problem>());
        if (reply.headers?.has(BYTES_HEADER)) return reply.data as O;
        return (reply.data.length ? reply.json() : null) as O;
      },
    );
  }
}

function unanswered(subject: string, cause: unknown): unknown {
  const reason = cause instanceof RequestError ? (cause.cause ?? cause) : cause;
  if (reason instanceof NoRespondersError || (cause instanceof RequestError && cause.isNoResponders()))
    return new ProblemError(
      {
        kind: 'unavailable',
        code: 'service_unavailable',
        detail: `no service answers ${subject} at the moment; try again`,
      },
      { cause },
    );
  if (reason instanceof TimeoutError)
    return new ProblemError(
      { kind: 'unavailable', code: 'timeout', detail: `${subject} was not answered in time; try again` },
      { cause },
    );
  if (reason instanceof InvalidArgumentError)
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
