import { ProblemError, RELAY_HEARTBEAT_SECONDS, serviceCall } from '@hybrid/contracts';
import { Connections, PeriodicTask } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { RoutingSettings } from '../routing.settings.js';
import { Heartbeats, type Silence } from './heartbeats.js';
import { Relays } from './relays.js';

/** Missed heartbeats that make a relay OFFLINE. */
const MISSED = 3;

/**
 * Turns missed heartbeats into OFFLINE. Replicas may do so side by side. Only silence that this replica was there to hear
 * counts: where it was cut off from NATS or PostgreSQL, or has just started, every relay gets its full time again.
 */
@Injectable()
export class SilentRelays implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger(SilentRelays.name);
  private readonly offlineSeconds: number;
  private readonly sweeps: PeriodicTask;
  /** `performance.now()` since when sweeps follow each other without a gap. */
  private since: number | null = null;
  private last = 0;

  constructor(
    private readonly relays: Relays,
    private readonly heartbeats: Heartbeats,
    private readonly connections: Connections,
    settings: RoutingSettings,
  ) {
    this.offlineSeconds = settings.HYBRID_RELAY_OFFLINE_SECONDS ?? MISSED * RELAY_HEARTBEAT_SECONDS;
    this.sweeps = new PeriodicTask(
      (this.offlineSeconds * 1000) / 9,
      () => this.sweep(),
      (reason) => {
        this.since = null;
        this.logger.warn(`sweep of silent relays: ${reason}`);
      },
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
      if (type === 'disconnect' || type === 'reconnect') this.since = null;
  }

  private async sweep(): Promise<void> {
    const now = performance.now();
    const unbroken = this.since !== null && now - this.last < (this.offlineSeconds * 1000) / 3;
    this.last = now;
    if (!unbroken) this.since = now;
    if (now - this.since! < this.offlineSeconds * 1000) return;
    for (const silence of await this.heartbeats.silent(this.offlineSeconds)) await this.record(silence);
  }

  private async record({ id, org, seconds }: Silence): Promise<void> {
    try {
      await this.relays.recordSilence(id, seconds, serviceCall('routing', org, randomUUID()));
    } catch (error) {
      // Removed meanwhile.
      if (!(error instanceof ProblemError) || error.problem.kind !== 'not_found') throw error;
    }
  }
}
