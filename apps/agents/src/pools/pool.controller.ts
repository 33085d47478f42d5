import { agentsRequests, type CallContext, type ConfigurePool } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Pools } from './pools.js';

type OfPool = { pool: string };

@MessageController()
export class PoolController {
  constructor(private readonly pools: Pools) {}

  @Handle(agentsRequests.pools)
  async list(@Payload() _: object, @Ctx() call: CallContext) {
    return { pools: await this.pools.list(call) };
  }

  @Handle(agentsRequests.pool)
  get(@Payload() { pool }: OfPool, @Ctx() call: CallContext) {
    return this.pools.get(pool, call);
  }

  @Handle(agentsRequests.scale)
  async scale(@Payload() { pool }: OfPool, @Ctx() call: CallContext) {
    return (await this.pools.get(pool, call)).scale;
  }

  @Handle(agentsRequests.configurePool)
  configure(@Payload() { pool, ...changes }: ConfigurePool & OfPool, @Ctx() call: CallContext) {
    return this.pools.configure(pool, changes, call);
  }

  @Handle(agentsRequests.poolAgents)
  agents(@Payload() { pool }: OfPool, @Ctx() call: CallContext) {
    return { agents: this.pools.agentsIn(pool, call) };
  }

  @Handle(agentsRequests.config)
  config(@Payload() { agent_id }: { agent_id: string }, @Ctx() call: CallContext) {
    return this.pools.configOf(agent_id, call);
  }
}
