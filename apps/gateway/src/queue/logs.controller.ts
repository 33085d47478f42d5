import { queueRequests, ReadLog } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  UnsupportedMediaTypeException,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Caller } from '../edge/caller.js';
import { sendEvents, type SseMessage } from '../edge/server-sent-events.js';
import { readCursor, readLog, type JobLogLine, type PlacedLine } from './job-log.js';
import { readAttempt } from './attempt-headers.js';
import { parseLines } from './log-lines.js';

const MAX_PAGE = 5_000;

@ApiTags('queue')
@ApiBearerAuth()
@Controller('api/queue/jobs/:job_id/logs')
export class LogsController {
  constructor(private readonly connections: Connections) {}

  /** NDJSON, a LogLine a line; the headers X-Attempt and X-Lease-Token fence the attempt. Repeating lines is harmless. */
  @Post()
  @HttpCode(200)
  @ApiConsumes('application/x-ndjson')
  @ApiBody({ schema: { type: 'string', example: '{"seq":0,"time":"…","stream":"stdout","text":"…"}' } })
  @ApiHeader({ name: 'x-attempt', required: true })
  @ApiHeader({ name: 'x-lease-token', required: true })
  append(
    @Param('job_id') job_id: string,
    @Headers('x-attempt') attempt: string | undefined,
    @Headers('x-lease-token') lease_token: string | undefined,
    @Body() body: unknown,
    @Caller() caller: Caller,
  ) {
    const lease = readAttempt(attempt, lease_token);
    if (typeof body !== 'string')
      throw new UnsupportedMediaTypeException('send log lines as application/x-ndjson');
    const input = { job_id, agent_id: caller.actor.id, ...lease, lines: parseLines(body) };
    return this.connections.requests.send(queueRequests.appendLogs, input, caller);
  }

  /** With `Accept: text/event-stream` a tail (`line`, at last `end`), else a page of lines from `cursor`. */
  @Get()
  async read(
    @Param('job_id') jobId: string,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query() { limit = MAX_PAGE, cursor }: ReadLog,
    @Caller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.connections.requests.send(queueRequests.get, { job_id: jobId }, caller);
    if (accept?.includes('text/event-stream')) {
      const after = readCursor(lastEventId);
      sendEvents(reply, this.connections.stopping, async (signal) =>
        asEvents(this.lines(jobId, caller, after, () => this.hasEnded(jobId, caller), signal)),
      );
      return;
    }
    const never = new AbortController().signal;
    const lines: JobLogLine[] = [];
    let last = '';
    let next_cursor: string | null = null;
    for await (const placed of this.lines(jobId, caller, readCursor(cursor), async () => true, never)) {
      if (lines.length === limit) {
        next_cursor = last;
        break;
      }
      lines.push(placed.line);
      last = placed.cursor;
    }
    void reply.send({ lines, next_cursor });
  }

  private lines(
    jobId: string,
    { org }: Caller,
    after: ReturnType<typeof readCursor>,
    over: () => Promise<boolean>,
    signal: AbortSignal,
  ): AsyncGenerator<PlacedLine> {
    return readLog(this.connections.nats, { org, jobId, after }, over, signal);
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

async function* asEvents(lines: AsyncIterable<PlacedLine>): AsyncGenerator<SseMessage> {
  for await (const { cursor, line } of lines) yield { id: cursor, event: 'line', data: line };
  yield { event: 'end', data: {} };
}
