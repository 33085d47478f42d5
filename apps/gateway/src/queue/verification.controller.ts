import {
  ProblemError,
  problem,
  queueRequests,
  verificationSubject,
  type QueueVerification,
  type VerificationProgress,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, Headers, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Caller } from '../edge/caller.js';
import { sendEvents, type SseMessage } from '../edge/server-sent-events.js';

@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue/verification')
export class VerificationController {
  constructor(private readonly connections: Connections) {}

  /**
   * Derives every claim in the log anew, which takes its time. With `Accept: text/event-stream` it tells its `progress`
   * and at last the `result`, or `failed` with a problem; else the answer is the result.
   */
  @Get()
  async verify(
    @Headers('accept') accept: string | undefined,
    @Caller() caller: Caller,
    @Req() { method }: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    // Nest takes a HEAD for a GET: all that work, to throw its result away.
    if (method === 'HEAD') return void reply.type('application/json; charset=utf-8').send('');
    const { stopping } = this.connections;
    if (accept?.includes('text/event-stream'))
      return sendEvents(reply, stopping, async (signal) => this.events(caller, signal));
    const answered = new AbortController();
    try {
      const result = this.result(randomUUID(), caller);
      void reply.send(await Promise.race([result, failAt(stopping, answered.signal)]));
    } finally {
      answered.abort();
    }
  }

  private result(id: string, caller: Caller): Promise<QueueVerification> {
    return this.connections.requests.send(queueRequests.verify, { id }, caller);
  }

  private async *events(caller: Caller, signal: AbortSignal): AsyncGenerator<SseMessage> {
    const id = randomUUID();
    const progress = this.connections.nats.subscribe(verificationSubject(id));
    const end = () => progress.unsubscribe();
    signal.addEventListener('abort', end, { once: true });
    const result = this.result(id, caller);
    result.then(end, end);
    for await (const message of progress)
      yield { event: 'progress', data: message.json<VerificationProgress>() };
    if (!signal.aborted) yield await result.then(asResult, asFailure);
  }
}

function asResult(data: QueueVerification): SseMessage {
  return { event: 'result', data };
}

function asFailure(error: unknown): SseMessage {
  if (!(error instanceof ProblemError)) throw error;
  const { code, detail } = error.problem;
  return { event: 'failed', data: { code, detail } };
}

/** Fails once the gateway stops: nobody shall wait for the end of a verification then. */
async function failAt(stopping: AbortSignal, unless: AbortSignal): Promise<never> {
  if (!stopping.aborted) await once(stopping, 'abort', { signal: unless });
  throw problem('unavailable', 'gateway_stopping', 'the gateway stops; ask again in a moment');
}
