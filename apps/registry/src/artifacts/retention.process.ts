import { PeriodicTask, readSettings } from '@hybrid/service';
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
  private readonly sweeps = new PeriodicTask(
    readSettings(RegistrySettings, 'registry').HYBRID_ARTIFACT_SWEEP_SECONDS * 1_000,
    () => this.sweep(),
    (reason) =>
      this.logger.warn(
        `artifacts that have expired could not be deleted, and will be tried again: ${reason}`,
      ),
  );
  private swept = 0;

  constructor(private readonly artifacts: Artifacts) {}

  onApplicationBootstrap(): void {
    this.sweeps.start();
  }

  onApplicationShutdown(): void {
    void this.sweeps.stop();
  }

  private async sweep(): Promise<void> {
    const now = Date.now();
    const expired = await this.artifacts.expire(new Date(now));
    if (expired) this.logger.log(`${expired} artifacts have expired and were deleted`);
    if (this.swept++ % ORPHANS_EACH > 0) return;
    const before = new Date(now - ORPHAN_AGE_MS);
    const orphans = await this.artifacts.removeOrphans(before, new Date(now - UPLOAD_AGE_MS));
    if (orphans) this.logger.warn(`removed ${orphans} blobs that belonged to no artifact`);
  }
}
