import { serviceCall } from '@hybrid/contracts';
import { Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { Agents } from './agents.js';
import { Heartbeats } from './heartbeats.js';

const SWEEP_MS = 5_000;

/** Turns missed heartbeats into changes of health. Replicas may do so side by side. */
@Injectable()
export class SilentAgents implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(SilentAgents.name);
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly agents: Agents,
    private readonly heartbeats: Heartbeats,
  ) {}

  onModuleInit(): void {
    this.timer = setInterval(() => void this.sweep(), SWEEP_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async sweep(): Promise<void> {
    try {
      for (const { id, org, health, seconds } of await this.heartbeats.silent()) {
        const reason = `no heartbeat for ${seconds} s`;
        const command = {
          type: 'RecordHealth',
          status: health,
          reason,
          now: new Date().toISOString(),
        } as const;
        await this.agents.recordSilence(id, command, serviceCall('agents', org, randomUUID()));
      }
    } catch (error) {
      this.logger.warn(`sweep of silent agents: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}
