import { EnqueueJobs } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { Caller } from '../edge/caller.js';
import { validation } from '../edge/validation.js';
import { enqueueBatch, type BatchReply } from './batch.js';
import { IDEMPOTENCY_KEY } from './idempotency-key.js';

const ROUTE = '/api/queue/jobs/batch';
/** Some 16 KB for each job. */
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** Bodies of this route may be larger than all others; to be told before the routes are made. */
export function allowLargeBatches(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    if (route.url === ROUTE) route.bodyLimit = BODY_LIMIT_BYTES;
  });
}

@ApiTags('queue')
@ApiBearerAuth()
@Controller(ROUTE)
export class BatchController {
  private readonly validation = validation();

  constructor(private readonly connections: Connections) {}

  /** Up to 1,000 jobs, each accepted or refused on its own. With an Idempotency-Key each has its own by its index. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  @HttpCode(200)
  enqueue(@Body() { jobs }: EnqueueJobs, @Caller() caller: Caller): Promise<BatchReply> {
    const newId = (index: number) => caller.newId(`job-${index}`);
    return enqueueBatch(this.connections.requests, this.validation, jobs, newId, caller);
  }
}
