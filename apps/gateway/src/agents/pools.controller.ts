import {
  agentsRequests,
  ConfigurePool,
  PausePool,
  queueRequests,
  ScalePool,
  type PoolView,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, HttpCode, Param, Post, Put } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { PoolName } from './pool-name.js';

/** Stands before AgentsController, whose `:agent_id` would take `pools` for an agent. */
@ApiTags('agents')
@ApiBearerAuth()
@Controller('api/agents/pools')
export class PoolsController {
  constructor(private readonly connections: Connections) {}

  /** Pools with agents, settings or jobs, by name; all of them. 503 while the queue does not answer. */
  @Get()
  async list(@Caller() caller: Caller) {
    const { pools } = await this.send(agentsRequests.pools, {}, caller);
    return listReply('pools', { items: pools, total: pools.length, next_cursor: null });
  }

  /** Any name is a pool: one that nobody uses is empty. 503 while the queue does not answer. */
  @Get(':pool_name')
  get(@Param('pool_name', PoolName) pool: string, @Caller() caller: Caller) {
    return this.view(pool, caller);
  }

  /** What is left out stays as it is. */
  @Put(':pool_name')
  configure(
    @Param('pool_name', PoolName) pool: string,
    @Body() settings: ConfigurePool,
    @Caller() caller: Caller,
  ) {
    return this.send(agentsRequests.configurePool, { ...settings, pool }, caller);
  }

  /** How many agents the pool needs now, and why: for an autoscaler, which reads `desired_agents`, and for people. */
  @Get(':pool_name/scale')
  scale(@Param('pool_name', PoolName) pool: string, @Caller() caller: Caller) {
    return this.send(agentsRequests.scale, { pool }, caller);
  }

  /** The limits and aims that the scale signal keeps to; what is left out stays as it is. */
  @Post(':pool_name/scale')
  @HttpCode(200)
  configureScale(
    @Param('pool_name', PoolName) pool: string,
    @Body() settings: ScalePool,
    @Caller() caller: Caller,
  ) {
    return this.send(agentsRequests.configurePool, { ...settings, pool }, caller);
  }

  /** No job of the pool is claimed any more, until it is resumed; those that run go on. */
  @Post(':pool_name/pause')
  @HttpCode(200)
  async pause(
    @Param('pool_name', PoolName) pool: string,
    @Body() { reason }: PausePool,
    @Caller() caller: Caller,
  ): Promise<PoolView> {
    await this.send(queueRequests.pausePool, { pool, reason }, caller);
    return this.view(pool, caller);
  }

  @Post(':pool_name/resume')
  @HttpCode(200)
  async resume(@Param('pool_name', PoolName) pool: string, @Caller() caller: Caller): Promise<PoolView> {
    await this.send(queueRequests.resumePool, { pool }, caller);
    return this.view(pool, caller);
  }

  private view(pool: string, caller: Caller): Promise<PoolView> {
    return this.send(agentsRequests.pool, { pool }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
