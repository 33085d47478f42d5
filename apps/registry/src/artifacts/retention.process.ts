import { readSettings } from '@hybrid/service';
import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Artifacts } from './artifacts.js';
import { RegistrySettings } from './registry.settings.js';

/** Every so many sweeps all blobs are looked at, first after the start: there may be many. */
const ORPHANS_EACH = 36;
/** Milliseconds. A commit takes seconds, and its event follows at once. */
const ORPHAN_AGE_MS = 3_600_000;
/** Milliseconds for an agent to come back and go on. */
const UPLOAD_AGE_MS = 86_400_000;

/**
 * Deletes what has expired, and bytes that belong to nothing. Every replica does, side by side: the decider answers all
 * but the first with nothing. Nothing is kept in between: what could not be done is found again.
 */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(Retention.name);
  private readonly everyMs = readSettings(RegistrySettings, 'registry').HYBRID_ARTIFACT_SWEEP_SECONDS * 1_000;
  private timer?: NodeJS.Timeout;
  private sweeps = 0;
  private sweeping = false;

  constructor(private readonly artifacts: Artifacts) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.tick(), this.everyMs);
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  private async tick(): Promise<void> {
    if (this.sweeping) return;
    this.sweeping = true;
    try {
      const now = Date.now();
      const expired = await this.artifacts.expire(new Date(now));
      if (expired) this.logger.log(`${expired} artifacts have expired and were deleted`);
      if (this.sweeps++ % ORPHANS_EACH === 0) {
        const before = new Date(now - ORPHAN_AGE_MS);
        const orphans = await this.artifacts.removeOrphans(before, new Date(now - UPLOAD_AGE_MS));
        if (orphans) this.logger.warn(`removed ${orphans} blobs that belonged to no artifact`);
      }
    } catch (error) {
      this.logger.warn(
        `artifacts that have expired could not be deleted, and will be tried again: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      this.sweeping = false;
    }
  }
}
