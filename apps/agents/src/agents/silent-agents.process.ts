import { ProblemError, serviceCall } from '@hybrid/contracts';
import { Connections, PeriodicTask } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { AgentsSettings } from '../agents.settings.js';
import { Agents } from './agents.js';
import { Heartbeats, type Silence } from './heartbeats.js';

/** Appends side by side: thousands of agents behind one broken line fall silent at once. */
const AT_A_TIME = 50;
/** By so many seconds PostgreSQL's clock and the monotonic one may differ between two sweeps. */
const CLOCK_TOLERANCE = 2;

/**
 * Turns missed heartbeats into changes of health. Replicas may do so side by side.
 *
 * Only silence that this replica was there to hear counts: where it was away itself (not started, stopped, cut off from
 * NATS or PostgreSQL), or PostgreSQL's clock was set, every agent gets its full time again.
 */
@Injectable()
export class SilentAgents implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SilentAgents.name);
  private readonly sweeps: PeriodicTask;
  private connected = true;
  /** The sweeps without a gap: PostgreSQL's time at the first and the last (seconds), and ours at the last (ms). */
  private series: { since: number; last: number; at: number } | null = null;

  constructor(
    private readonly agents: Agents,
    private readonly heartbeats: Heartbeats,
    private readonly connections: Connections,
    private readonly settings: AgentsSettings,
  ) {
    this.sweeps = new PeriodicTask(
      (settings.HYBRID_AGENT_DEGRADED_SECONDS * 1000) / 3,
      () => this.sweep(),
      (reason) => this.logger.warn(`sweep of silent agents: ${reason}`),
    );
  }

  onApplicationBootstrap(): void {
    void this.watchConnection();
    this.sweeps.start();
  }

  onModuleDestroy(): void {
    void this.sweeps.stop();
  }

  private async watchConnection(): Promise<void> {
    for await (const { type } of this.connections.nats.status())
      if (type === 'disconnect' || type === 'reconnect') this.connected = type === 'reconnect';
  }

  private async sweep(): Promise<void> {
    if (!this.connected || this.heartbeats.areLost) return;
    const silences = await this.silences();
    for (let from = 0; from < silences.length; from += AT_A_TIME)
      await Promise.all(silences.slice(from, from + AT_A_TIME).map((silence) => this.record(silence)));
  }

  private async silences(): Promise<Silence[]> {
    const { series } = this;
    const { HYBRID_AGENT_DEGRADED_SECONDS: degraded } = this.settings;
    const begun = performance.now();
    const passed = series && (begun - series.at) / 1000;
    const unbroken = passed !== null && passed < degraded;
    const { now, silences } = await this.heartbeats.silent(unbroken ? series!.since : null, degraded);
    const steady = unbroken && Math.abs(now - series!.last - passed) < CLOCK_TOLERANCE;
    this.series = { since: steady ? series!.since : now, last: now, at: begun };
    return steady ? silences : [];
  }

  private async record({ id, org, seconds }: Silence): Promise<void> {
    try {
      await this.agents.recordSilence(id, seconds, serviceCall('agents', org, randomUUID()));
    } catch (error) {
      // Deregistered meanwhile.
      if (!(error instanceof ProblemError) || error.problem.kind !== 'not_found') throw error;
    }
  }
}
