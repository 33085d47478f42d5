import type { CallContext, PausePool, PoolPause, QueuePool } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import { v5 as uuidv5 } from 'uuid';
import { LiveFigures } from '../figures/live-figures.js';
import { JobIndex } from '../jobs/job-index.js';
import { jobPoolDecider, type JobPoolCommand, type JobPoolState } from './job-pool.decider.js';
import type { JobPoolEvent } from './job-pool.events.js';

/** Fixed for ever: streams follow from it. A pool's name may hold what a stream's must not. */
const POOLS = '3d6c1a52-9c0b-4f0e-8a57-6c1f2b7e9d14';

/** Pools exist by being named: one that nobody ever named is empty and open, and may be paused before its first job. */
@Injectable()
export class JobPools {
  private readonly things: Things<JobPoolState, JobPoolCommand, JobPoolEvent>;

  constructor(
    connections: Connections,
    private readonly index: JobIndex,
    private readonly figures: LiveFigures,
  ) {
    this.things = new Things(connections.eventStore, 'jobPool', jobPoolDecider);
  }

  /** Claims that are under way may still succeed; running jobs go on. */
  pause({ pool, reason }: PausePool & { pool: string }, call: CallContext): Promise<QueuePool> {
    const by = `${call.actor.type} ${call.actor.id}`;
    return this.change({ type: 'PausePool', pool, reason, by, now: now() }, call);
  }

  resume(pool: string, call: CallContext): Promise<QueuePool> {
    return this.change({ type: 'ResumePool', pool, now: now() }, call);
  }

  /** Pools that have a live job or had one within a day, and those that are paused, by name. */
  async list(call: CallContext): Promise<QueuePool[]> {
    await this.figures.reach(call);
    const pauses = this.index.pausesOf(call.org);
    const names = new Set([...this.figures.poolsOf(call.org), ...pauses.keys()]);
    return [...names].sort().map((pool) => this.view(pool, pauses.get(pool) ?? null, call));
  }

  async get(pool: string, call: CallContext): Promise<QueuePool> {
    await this.figures.reach(call);
    const { state } = await this.things.load(poolId(call.org, pool), call.org);
    return this.view(pool, state.paused, call);
  }

  /** Answers without waiting for figures: the pause holds whether they are there yet or not. */
  private async change(command: JobPoolCommand, call: CallContext): Promise<QueuePool> {
    const { state } = await this.things.handle(poolId(call.org, command.pool), command, call);
    return this.view(command.pool, state.paused, call);
  }

  private view(pool: string, paused: PoolPause | null, { org }: CallContext): QueuePool {
    return { pool, ...this.figures.pool(org, pool), paused };
  }
}

function poolId(org: string, pool: string): string {
  return uuidv5(`${org}\n${pool}`, POOLS);
}

function now(): string {
  return new Date().toISOString();
}
