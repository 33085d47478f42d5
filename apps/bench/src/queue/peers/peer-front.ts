/**
 * One peer behind a plain HTTP server, as a process of its own: `POST /enqueue`, `/claim` and `/complete`, no
 * authentication, no validation. The queue is used as its documentation shows, with its own settings as they come.
 */
import Fastify from 'fastify';
import { openBullMq } from './bullmq.js';
import { openGraphileWorker } from './graphile-worker.js';
import { openPgBoss } from './pg-boss.js';

/** A peer as its front uses it. */
export interface Peer {
  /** Answers the new job's id. */
  enqueue(data: object): Promise<string>;
  /** Locks one job for the caller. Null: there is none. */
  claim(): Promise<{ id: string; data: unknown } | null>;
  complete(id: string): Promise<void>;
}

/** How each peer is opened, given where its server is. */
const PEERS: Record<string, (address: string) => Promise<Peer>> = {
  'pg-boss': openPgBoss,
  'graphile-worker': openGraphileWorker,
  bullmq: openBullMq,
};

/** @param args the peer's name, and the address of its server. Serves until it is killed. */
export async function servePeer([name = '', address = '']: string[]): Promise<void> {
  const open = PEERS[name];
  if (!open)
    throw new Error(`peer-front: '${name}' is not known; there are ${Object.keys(PEERS).join(', ')}`);
  const peer = await open(address);
  const server = Fastify();
  server.post('/enqueue', async ({ body }, reply) =>
    reply.code(201).send({ id: await peer.enqueue(body as object) }),
  );
  server.post('/claim', async (_, reply) => {
    const job = await peer.claim();
    if (!job) return reply.code(404).send({ code: 'no_jobs_available' });
    // As much as ours has to answer with.
    return { ...job, status: 'CLAIMED', attempt: 1, lease_token: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a01' };
  });
  server.post('/complete', async ({ body }) => {
    const { id } = body as { id: string };
    await peer.complete(id);
    return { id, status: 'COMPLETED' };
  });
  await server.listen({ host: '127.0.0.1', port: 0 });
  process.once('SIGTERM', () => process.exit(0));
  console.log(JSON.stringify({ ready: true, port: server.addresses()[0]!.port }));
}
