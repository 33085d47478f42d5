/** Counts the requests of HTTP by route, method and status; never by anything that callers choose. */
import { durationHistogram } from '@hybrid/telemetry';
import type { FastifyInstance } from 'fastify';
import { METHODS } from 'node:http';

const duration = durationHistogram('http.server.request.duration', 'requests over HTTP');
const KNOWN_METHODS = new Set(METHODS);

export function countRequests(fastify: FastifyInstance): void {
  fastify.addHook('onResponse', (request, reply, done) => {
    // A template such as `/api/runs/:run_id`; none where no route fits.
    const route = request.routeOptions.url;
    duration.since(performance.now() - reply.elapsedTime, {
      'http.request.method': KNOWN_METHODS.has(request.method) ? request.method : '_OTHER',
      'http.response.status_code': reply.statusCode,
      ...(route && { 'http.route': route }),
    });
    done();
  });
}
