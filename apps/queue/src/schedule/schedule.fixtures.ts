/** Jobs as the log would tell them. */
import type { Priority } from '@hybrid/contracts';
import { noJob, type JobState } from '../jobs/job.state.js';
import type { Claimant, ObservedJob } from './schedule.js';

/** Milliseconds since the epoch at which the specs' time begins. */
export const START = Date.parse('2026-01-01T00:00:00.000Z');

export interface JobOptions {
  org?: string;
  pool?: string;
  priority?: Priority;
  pipeline?: string | null;
  labels?: Record<string, string>;
  capabilities?: string[];
  group?: string | null;
  limit?: number;
  status?: JobState['status'];
  /** Milliseconds after START; 0 unless told. */
  available?: number;
}

/** `arrived` is the commit position and, unless told, gives the job its id. */
export function job(arrived: number, options: JobOptions = {}, id = `job-${arrived}`): ObservedJob {
  const { group, status = 'QUEUED' } = options;
  const at = (ms: number) => new Date(START + ms).toISOString();
  const state = {
    ...noJob,
    status,
    available_at: at(options.available ?? 0),
    job: {
      job_id: id,
      pool: options.pool ?? 'default',
      priority: options.priority ?? 'NORMAL',
      labels: options.labels ?? {},
      capabilities: options.capabilities ?? [],
      pipeline_id: options.pipeline ?? null,
      concurrency: group ? { group, limit: options.limit ?? 1 } : null,
      at: at(-1),
    },
  } as unknown as JobState;
  return { id, org: options.org ?? 'acme', arrived: BigInt(arrived), state };
}

export function claimant(options: Partial<Claimant> = {}): Claimant {
  return { org: 'acme', pool: 'default', labels: {}, capabilities: [], ...options };
}
