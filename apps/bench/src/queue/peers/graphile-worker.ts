import { getUtilsAndReleasersFromOptions } from 'graphile-worker/dist/lib.js';
import { batchCompleteJobs } from 'graphile-worker/dist/sql/completeJobs.js';
import { batchGetJobs } from 'graphile-worker/dist/sql/getJobs.js';
import { randomUUID } from 'node:crypto';
import type { Job } from 'graphile-worker';
import type { Peer } from './peer-front.js';

const TASKS = { bench: () => undefined };

/**
 * graphile-worker offers no call to claim a job by hand, so its worker's own two functions are called, as its worker does
 * without its local queue: one statement a call, on up to 10 connections. A completed job is deleted.
 */
export async function openGraphileWorker(databaseUrl: string): Promise<Peer> {
  const [options] = await getUtilsAndReleasersFromOptions({ connectionString: databaseUrl });
  const { withPgClient, addJob } = options;
  const worker = `bench-${randomUUID()}`;
  const claimed = new Map<string, Job>();
  return {
    enqueue: async (data) => (await addJob('bench', data)).id,
    async claim() {
      const [job] = await batchGetJobs(options, withPgClient, TASKS, worker, null, 1);
      if (!job) return null;
      claimed.set(job.id, job);
      return { id: job.id, data: job.payload };
    },
    async complete(id) {
      const job = claimed.get(id);
      if (!job) throw new Error(`graphile-worker: job ${id} was not claimed here`);
      claimed.delete(id);
      await batchCompleteJobs(options, withPgClient, worker, [job]);
    },
  };
}
