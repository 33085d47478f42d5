/** `POST /webhooks/<source>`, and the relay's health. Whatever is wrong with a webhook is answered in problem+json. */
import { WEBHOOK_MAX_BYTES } from '@hybrid/delivery';
import { metricsText, PROMETHEUS_CONTENT_TYPE } from '@hybrid/telemetry';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { STATUS_CODES } from 'node:http';
import type { Readable } from 'node:stream';
import type { Intake, Taken } from '../intake.js';
import { JournalFull } from '../journal/journal.js';
import type { Notify } from '../notices.js';
import type { Source } from '../sources.js';
import type { Tally } from '../tally.js';
import { BodyRoom } from './body-room.js';
import { HttpProblem, noRoom } from './http-problem.js';
import { readBody } from './read-body.js';
import { RefusedAttempts } from './refused-attempts.js';

/** Milliseconds for the head of a request, and for all of it: hosts send at once, and give up after 10 s. */
const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;
const CONNECTIONS_MAX = 2_000;
const CONTENT_TYPES = ['application/json', 'application/x-www-form-urlencoded'];

export interface RelayHealth {
  /** It takes webhooks. */
  ready: boolean;
  [part: string]: unknown;
}

export interface ServerOptions {
  source(name: string): Source | undefined;
  intake: Intake;
  tally: Tally;
  health(): RelayHealth;
  notify: Notify;
}

export function relayServer(options: ServerOptions): FastifyInstance {
  const server = fastify({
    bodyLimit: WEBHOOK_MAX_BYTES,
    requestTimeout: REQUEST_MS,
    // The last address that a proxy of the same network names is the sender's.
    trustProxy: ['loopback', 'linklocal', 'uniquelocal'],
    exposeHeadRoutes: true,
    http: { headersTimeout: HEAD_MS, connectionsCheckingInterval: 5_000 },
  });
  server.server.maxConnections = CONNECTIONS_MAX;
  // The handler reads the stream itself: signatures are over the bytes as they came.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.setErrorHandler((error, _request, reply) => sendProblem(reply, problemOf(error, options.notify)));
  server.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, new HttpProblem(404, 'not_found', 'there is nothing here')),
  );
  const webhooks = new Webhooks(options);
  server.post<{ Params: { source: string } }>('/webhooks/:source', (request, reply) =>
    webhooks.take(request, reply),
  );
  addHealth(server, options.health);
  return server;
}

class Webhooks {
  readonly #room = new BodyRoom();
  readonly #refused = new RefusedAttempts();

  constructor(private readonly options: ServerOptions) {}

  async take(request: FastifyRequest<{ Params: { source: string } }>, reply: FastifyReply): Promise<void> {
    const source = this.options.source(request.params.source);
    if (!source)
      throw new HttpProblem(404, 'source_unknown', 'no source of that name is configured (relay.sources)');
    checkContent(request);
    const body = await readBody(request.body as Readable, request.ip, this.#room, WEBHOOK_MAX_BYTES);
    const begun = performance.now();
    try {
      const taken = await this.options.intake.take(source, { headers: request.headers, body: body.bytes });
      this.options.tally.webhook(source.name, taken.status, begun);
      this.#answer(source, request.ip, taken, reply);
    } catch (error) {
      if (!(error instanceof JournalFull)) throw error;
      this.options.tally.webhook(source.name, 'no_room', begun);
      throw noRoom('the relay cannot keep it now: send it again later');
    } finally {
      body.done();
    }
  }

  #answer(source: Source, address: string, taken: Taken, reply: FastifyReply): void {
    if (taken.status === 'refused') throw this.#refusal(source, address, taken.refusal);
    if (taken.status === 'ignored') return void reply.code(200).send(taken);
    const { status, id, leftOut } = taken;
    const code = status === 'accepted' ? 202 : 200;
    void reply.code(code).send({ status, id, ...(leftOut.length > 0 && { left_out: leftOut }) });
  }

  #refusal(
    source: Source,
    address: string,
    { status, code, detail }: Extract<Taken, { status: 'refused' }>['refusal'],
  ): HttpProblem {
    const seconds = status === 401 ? this.#refused.count(address) : undefined;
    if (seconds !== undefined)
      return new HttpProblem(429, 'too_many_refused', 'too many of your webhooks were refused', seconds);
    this.options.notify(`a webhook for ${source.name} from ${address} is refused: ${code}`);
    return status === 401
      ? new HttpProblem(401, 'not_verified', 'the signature is missing or wrong')
      : new HttpProblem(status, code, detail);
  }
}

function checkContent({ headers, body }: FastifyRequest): void {
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (!CONTENT_TYPES.includes(type) || headers['content-encoding'] !== undefined)
    throw new HttpProblem(
      415,
      'content_unsupported',
      `a webhook has the content type ${CONTENT_TYPES.join(' or ')}, and is not compressed`,
    );
  if (Number(headers['content-length'] ?? 0) > WEBHOOK_MAX_BYTES)
    throw new HttpProblem(413, 'too_large', `a webhook has at most ${WEBHOOK_MAX_BYTES} bytes`);
  if (body === undefined || body === null) throw new HttpProblem(400, 'no_body', 'the webhook has no body');
}

function addHealth(server: FastifyInstance, health: () => RelayHealth): void {
  server.get('/health/live', () => ({ status: 'alive' }));
  for (const path of ['/health', '/health/ready'])
    server.get(path, (_request, reply) => {
      const { ready, ...parts } = health();
      void reply.header('cache-control', 'no-store').code(ready ? 200 : 503);
      return { status: ready ? 'ready' : 'not_ready', ...parts };
    });
  server.get('/metrics', async (_request, reply) => {
    void reply.type(PROMETHEUS_CONTENT_TYPE);
    return (await metricsText()) ?? '';
  });
}

/** What fastify itself refuses has a status below 500; its texts name nothing that was sent. */
function problemOf(error: unknown, notify: Notify): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const { statusCode = 500, message, stack, code } = error as Error & { statusCode?: number; code?: string };
  if (code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE')
    return new HttpProblem(400, 'cut_off', 'the webhook ended before its end');
  if (statusCode < 500) return new HttpProblem(statusCode, 'bad_request', message);
  notify(`unexpected: ${stack ?? message}`);
  return new HttpProblem(500, 'internal', 'something is wrong with the relay: its log says what');
}

function sendProblem(reply: FastifyReply, { status, code, detail, retryAfterSeconds }: HttpProblem): void {
  if (retryAfterSeconds !== undefined) void reply.header('retry-after', retryAfterSeconds);
  void reply
    .code(status)
    .type('application/problem+json')
    .send(JSON.stringify({ type: 'about:blank', title: STATUS_CODES[status], status, code, detail }));
}
