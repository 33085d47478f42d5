/** An artifact's body is a stream of bytes, whatever its type says: it is not for us to parse. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';

const BYTES = 'application/octet-stream';
const ROUTE = '/api/artifacts/:execution_id/:key';

/** Where the type that the client sent is found once the body goes as bytes. Set by us, never by a client. */
export const ARTIFACT_TYPE_HEADER = 'x-artifact-type';

/** Fastify picks the parser of a body by its Content-Type, for all routes alike. */
export function streamArtifacts(fastify: FastifyInstance): void {
  fastify.addContentTypeParser(
    BYTES,
    (_: unknown, body: Readable, done: (error: null, body: Readable) => void) => done(null, body),
  );
  fastify.addHook('onRequest', async ({ method, routeOptions, raw: { headers } }: FastifyRequest) => {
    if (method !== 'PUT' || routeOptions.url !== ROUTE) return;
    headers[ARTIFACT_TYPE_HEADER] = headers['content-type'] ?? BYTES;
    headers['content-type'] = BYTES;
  });
}
