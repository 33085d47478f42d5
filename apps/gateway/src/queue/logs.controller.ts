import { LOGS_STREAM, problem, queueRequests, type FieldError, type LogLine } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, Headers, HttpCode, Param, Post, Query, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiConsumes, ApiTags } from '@nestjs/swagger';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { FastifyReply } from 'fastify';
import { Caller } from '../edge/caller.js';
import { sendEvents, type SseMessage } from '../edge/server-sent-events.js';
import { Allow } from '../identity/access.guard.js';

export interface JobLogLine extends LogLine {
  attempt: number;
}

/** How long a quiet log is waited for before asking whether its job has ended. */
const QUIET_MS = 500;
const MAX_PAGE = 5_000;
const STREAMS = ['stdout', 'stderr', 'system'];

@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue/jobs/:job_id/logs')
export class LogsController {
  constructor(private readonly connections: Connections) {}

  /** NDJSON, a LogLine a line; the headers X-Attempt and X-Lease-Token fence the attempt. Repeating lines is harmless. */
  @Post()
  @HttpCode(200)
  @Allow('agent')
  @ApiConsumes('application/x-ndjson')
  append(
    @Param('job_id') job_id: string,
    @Headers('x-attempt') attempt: string,
    @Headers('x-lease-token') lease_token: string,
    @Body() body: unknown,
    @Caller() caller: Caller,
  ) {
    const input = {
      job_id,
      agent_id: caller.actor.id,
      attempt: Number(attempt),
      lease_token,
      lines: parseLines(body),
    };
    return this.connections.requests.send(queueRequests.appendLogs, input, caller);
  }

  /** With `Accept: text/event-stream` a tail (`line`, at last `end`), else a page of lines from `cursor`. */
  @Get()
  @Allow('admin')
  async read(
    @Param('job_id') jobId: string,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query('cursor') cursor: string | undefined,
    @Caller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.connections.requests.send(queueRequests.get, { job_id: jobId }, caller);
    if (accept?.includes('text/event-stream')) {
      sendEvents(reply, async (signal) =>
        this.tail(jobId, caller, Number(lastEventId ?? 0) + 1, true, signal),
      );
      return;
    }
    const lines: JobLogLine[] = [];
    let next = Number(cursor ?? 1);
    let more = false;
    for await (const message of this.tail(jobId, caller, next, false, new AbortController().signal)) {
      if (message.event !== 'line') continue;
      if (lines.length >= MAX_PAGE && Number(message.id) !== next - 1) {
        more = true;
        break;
      }
      lines.push(message.data as JobLogLine);
      next = Number(message.id) + 1;
    }
    void reply.send({ lines, next_cursor: more ? String(next) : null });
  }

  /** Lines of all attempts from a sequence of the stream on, each once; ends when the job has, or at the end of what is there. */
  private async *tail(
    jobId: string,
    caller: Caller,
    from: number,
    follow: boolean,
    signal: AbortSignal,
  ): AsyncGenerator<SseMessage> {
    const consumer = await jetstream(this.connections.nats).consumers.get(LOGS_STREAM, {
      filter_subjects: `log.${caller.org}.${jobId}.*`,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: Math.max(1, from),
    });
    const seen = new Map<number, number>();
    while (!signal.aborted) {
      // Asked before the look at the log: what a finished job wrote is in the log already.
      const final = !follow || (await this.hasEnded(jobId, caller));
      let received = 0;
      for await (const message of await consumer.fetch({
        max_messages: 500,
        expires: Math.max(1000, QUIET_MS),
      })) {
        received++;
        const attempt = Number(message.subject.slice(message.subject.lastIndexOf('.') + 1));
        for (const text of message.string().split('\n')) {
          const line = JSON.parse(text) as LogLine;
          if (line.seq <= (seen.get(attempt) ?? -1)) continue;
          seen.set(attempt, line.seq);
          yield { id: String(message.seq), event: 'line', data: { ...line, attempt } satisfies JobLogLine };
        }
        if (message.info.pending === 0) break;
      }
      if (final && received === 0) {
        yield { event: 'end', data: {} };
        return;
      }
    }
  }

  private async hasEnded(jobId: string, caller: Caller): Promise<boolean> {
    const { status, completed_at } = await this.connections.requests.send(
      queueRequests.get,
      { job_id: jobId },
      caller,
    );
    return completed_at !== null && !['QUEUED', 'CLAIMED', 'RUNNING'].includes(status);
  }
}

/** @throws ProblemError naming each bad line. */
function parseLines(body: unknown): LogLine[] {
  const texts = typeof body === 'string' ? body.split('\n').filter((text) => text.trim()) : [];
  const errors: FieldError[] = [];
  const lines = texts.map((text, index) => {
    const line = parseLine(text);
    if (!line)
      errors.push({
        path: '',
        message: 'not a log line: {"seq":0,"time":"…","stream":"stdout","text":"…"}',
        line: index + 1,
      });
    return line;
  });
  if (errors.length)
    throw problem('invalid', 'invalid_input', `${errors.length} line(s) are wrong`, errors.slice(0, 20));
  return lines as LogLine[];
}

function parseLine(text: string): LogLine | null {
  try {
    const { seq, time, stream, text: content } = JSON.parse(text) as LogLine;
    const valid = Number.isInteger(seq) && seq >= 0 && typeof time === 'string' && STREAMS.includes(stream);
    return valid && typeof content === 'string' ? { seq, time, stream, text: content } : null;
  } catch {
    return null;
  }
}
