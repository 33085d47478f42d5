/** How much of one job's log is kept: the LOGS stream is bounded, and one job must not push out everybody's. */
import { Injectable } from '@nestjs/common';
import { QueueSettings } from '../queue.settings.js';

const MB = 1024 ** 2;
/** Bytes past the limit for the line that says so; for one such line of each attempt that a job may have. */
const LAST_WORDS = 4 * 1024;
const LAST_WORDS_TIMES = 100;
/** Jobs that are remembered: far more than write at a time. */
const JOBS_MAX = 20_000;

/** Counts what went through this replica, since it started: several take more together, by their number at most. */
@Injectable()
export class LogLimit {
  readonly bytes: number;
  /** By job; whoever wrote last stands last. */
  private readonly written = new Map<string, number>();

  constructor({ HYBRID_LOG_LIMIT_MB }: QueueSettings) {
    this.bytes = HYBRID_LOG_LIMIT_MB * MB;
  }

  /** Counts a chunk that may be stored. */
  allows(jobId: string, size: number): boolean {
    const before = this.written.get(jobId) ?? 0;
    const room = this.bytes + (size <= LAST_WORDS ? LAST_WORDS * LAST_WORDS_TIMES : 0);
    if (before + size > room) return false;
    this.written.delete(jobId);
    this.written.set(jobId, before + size);
    if (this.written.size > JOBS_MAX) this.written.delete(this.written.keys().next().value!);
    return true;
  }
}
