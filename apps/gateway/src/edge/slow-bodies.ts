/**
 * Ends requests whose body trickles in: each holds a connection and what it has sent so far. Node's own limit is for
 * all requests alike, and an artifact over a slow link may take an hour.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';

/** 2 MiB over a line of 300 kbit/s. */
const BODY_MS = 60_000;
const LOOK_MS = 5_000;

/** For every body that is parsed before the route sees it. One timer for all. */
export function limitSlowBodies(
  fastify: FastifyInstance,
  { bodyMs = BODY_MS, lookMs = LOOK_MS }: { bodyMs?: number; lookMs?: number } = {},
): void {
  /** Oldest first. */
  const since = new Map<FastifyRequest, number>();
  const look = () => {
    const late = performance.now() - bodyMs;
    for (const [request, begun] of since) {
      if (begun > late) return;
      since.delete(request);
      request.raw.destroy();
    }
  };
  const timer = setInterval(look, lookMs).unref();
  fastify.addHook('onClose', async () => clearInterval(timer));
  fastify.addHook('preParsing', (request, _, __, done) => {
    const { 'content-length': length, 'transfer-encoding': encoding } = request.headers;
    if (length ?? encoding) since.set(request, performance.now());
    done();
  });
  // After the body was read; where it could not be, there is an answer.
  fastify.addHook('preValidation', (request, _, done) => {
    since.delete(request);
    done();
  });
  fastify.addHook('onResponse', (request, _, done) => {
    since.delete(request);
    done();
  });
}
