import { DownloadLog, queueRequests, ReadLog, type AppendedLogs, type JobView } from '@hybrid/contracts';
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
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiProduces, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Readable } from 'node:stream';
import { Caller } from '../edge/caller.js';
import { sendEvents } from '../edge/server-sent-events.js';
import { followLines, readCursor, storeChunk, storedLines, type Place } from './job-log.js';
import { readAttempt } from './attempt-headers.js';
import { placeBefore } from './line-search.js';
import { readChunk, type LogChunk } from './log-lines.js';
import { asEvents, asText, fileName, readPage, whyElsewhere } from './log-replies.js';

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
    return this.store({ job_id, agent_id: caller.actor.id, ...lease }, readChunk(body), caller);
  }

  /** With `Accept: text/event-stream` a tail (`line`, at last `end`), else a page of lines from `cursor` or `from`. */
  @Get()
  async read(
    @Param('job_id') jobId: string,
    @Headers('accept') accept: string | undefined,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Query() query: ReadLog,
    @Caller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const job = await this.job(jobId, caller);
    const address = { org: caller.org, jobId, attempt: query.attempt };
    if (accept?.includes('text/event-stream')) {
      const after = readCursor(lastEventId) ?? (await this.placeOf(query, job, caller));
      const over = async () => isOver(await this.job(jobId, caller));
      return sendEvents(reply, this.connections.stopping, async (signal) =>
        asEvents(followLines(this.connections.nats, { ...address, after }, over, signal), query, () =>
          this.job(jobId, caller),
        ),
      );
    }
    const after = readCursor(query.cursor) ?? (await this.placeOf(query, job, caller));
    const page = await readPage(storedLines(this.connections.nats, { ...address, after }), query);
    void reply.send({ ...page, log: job.log, ...(page.lines.length === 0 && whyElsewhere(job)) });
  }

  /** The log as text, whole. */
  @Get('download')
  @ApiProduces('text/plain')
  async download(
    @Param('job_id') jobId: string,
    @Query() query: DownloadLog,
    @Caller() caller: Caller,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const job = await this.job(jobId, caller);
    const chunks = storedLines(this.connections.nats, { org: caller.org, jobId, attempt: query.attempt });
    void reply
      .type('text/plain; charset=utf-8')
      .header('content-disposition', `attachment; filename="${fileName(job)}"`)
      .header('cache-control', 'no-store')
      .send(Readable.from(asText(chunks, query, whyElsewhere(job)?.message), { objectMode: false }));
  }

  /** The queue says whose attempt it is and how much it may write; the lines themselves go straight into the log. */
  private async store(
    lease: { job_id: string; agent_id: string; attempt: number; lease_token: string },
    { bytes, count, first, last }: LogChunk,
    caller: Caller,
  ): Promise<AppendedLogs> {
    const size = bytes.length;
    const { cut } = await this.connections.requests.send(queueRequests.admitLog, { ...lease, size }, caller);
    if (cut !== undefined) return { accepted: 0, cut };
    if (count > 0)
      await storeChunk(this.connections.nats, { org: caller.org, ...lease, bytes, id: `${first}-${last}` });
    return { accepted: count };
  }

  private job(job_id: string, caller: Caller): Promise<JobView> {
    return this.connections.requests.send(queueRequests.get, { job_id }, caller);
  }

  private async placeOf(
    { from, attempt }: ReadLog,
    job: JobView,
    { org }: Caller,
  ): Promise<Place | undefined> {
    if (from === undefined) return undefined;
    return placeBefore(this.connections.nats, { org, jobId: job.id, attempt: attempt ?? job.attempt }, from);
  }
}

function isOver({ status, completed_at }: JobView): boolean {
  return completed_at !== null && !['QUEUED', 'CLAIMED', 'RUNNING'].includes(status);
}
