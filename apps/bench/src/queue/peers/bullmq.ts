import { Queue, Worker, type Job } from 'bullmq';
import type { Peer } from './peer-front.js';

/**
 * BullMQ: one script in Redis a call (and its requests share one connection, so that Redis syncs once for several).
 * A job is claimed by hand as BullMQ's documentation shows; completed jobs stay in Redis.
 */
export async function openBullMq(socket: string): Promise<Peer> {
  const queue = new Queue<object>('bench', { connection: { path: socket } });
  const connection = { path: socket, maxRetriesPerRequest: null };
  const worker = new Worker<object>('bench', null, { connection, autorun: false });
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  const token = 'bench';
  const claimed = new Map<string, Job<object>>();
  return {
    enqueue: async (data) => (await queue.add('bench', data)).id!,
    async claim() {
      const job = await worker.getNextJob(token, { block: false });
      if (!job) return null;
      claimed.set(job.id!, job);
      return { id: job.id!, data: job.data };
    },
    async complete(id) {
      const job = claimed.get(id);
      if (!job) throw new Error(`BullMQ: job ${id} was not claimed here`);
      claimed.delete(id);
      await job.moveToCompleted(null, token, false);
    },
  };
}
