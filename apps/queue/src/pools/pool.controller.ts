import { queueRequests, type CallContext, type PausePool, type ReadStats } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { LiveFigures } from '../figures/live-figures.js';
import { JobPools } from './job-pools.js';

/** Pools, and the figures of all of them. */
@MessageController()
export class PoolController {
  constructor(
    private readonly pools: JobPools,
    private readonly figures: LiveFigures,
  ) {}

  @Handle(queueRequests.stats)
  stats(@Payload() query: ReadStats, @Ctx() call: CallContext) {
    return this.figures.stats(query, call);
  }

  @Handle(queueRequests.pools)
  async list(@Ctx() call: CallContext) {
    return { pools: await this.pools.list(call) };
  }

  @Handle(queueRequests.pool)
  get(@Payload() { pool }: { pool: string }, @Ctx() call: CallContext) {
    return this.pools.get(pool, call);
  }

  @Handle(queueRequests.pausePool)
  pause(@Payload() request: PausePool & { pool: string }, @Ctx() call: CallContext) {
    return this.pools.pause(request, call);
  }

  @Handle(queueRequests.resumePool)
  resume(@Payload() { pool }: { pool: string }, @Ctx() call: CallContext) {
    return this.pools.resume(pool, call);
  }
}
