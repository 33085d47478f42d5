/** What a relay needs of the control plane and of an issuer of tokens, over a real socket; it remembers what came. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { RegisterRelay, RelayHeartbeat } from '@hybrid/contracts';
import { freePort } from '@hybrid/servers';

export interface CameIn {
  path: string;
  authorization: string | undefined;
  idempotencyKey: string | undefined;
  body: unknown;
}

interface Answer {
  status: number;
  body: unknown;
}

export class ControlPlane {
  readonly came: CameIn[] = [];
  /** By its id. */
  readonly relays = new Map<string, RegisterRelay & { api_key: string }>();
  /** What is taken as a proof to register. */
  readonly tokens = new Set(['join-me']);
  /** Registers, and then closes the connection in place of an answer, so often. */
  loseAnswers = 0;
  /** Answers heartbeats with 503. */
  isBusy = false;
  #server?: Server;
  #port = 0;

  async start(): Promise<this> {
    const server = createServer((request, response) => {
      void this.#handle(request).then((answer) => {
        if (!answer) return request.socket.destroy();
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer.body));
      });
    });
    this.#port ||= await freePort();
    await new Promise<void>((ready) => server.listen(this.#port, '127.0.0.1', ready));
    this.#server = server;
    return this;
  }

  async stop(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((stopped) => (this.#server ? this.#server.close(stopped) : stopped(undefined)));
    this.#server = undefined;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  heartbeats(): RelayHeartbeat[] {
    return this.came
      .filter(({ path }) => path.endsWith('/heartbeat'))
      .map(({ body }) => body as RelayHeartbeat);
  }

  registrations(): CameIn[] {
    return this.came.filter(({ path }) => path.endsWith('/register'));
  }

  async #handle(request: IncomingMessage): Promise<Answer | undefined> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { authorization } = request.headers;
    const idempotencyKey = request.headers['idempotency-key'] as string | undefined;
    const path = request.url ?? '';
    if (path === '/token') {
      const body = Object.fromEntries(new URLSearchParams(text));
      this.came.push({ path, authorization, idempotencyKey, body });
      return this.#token(authorization, body);
    }
    const body = JSON.parse(text) as unknown;
    this.came.push({ path, authorization, idempotencyKey, body });
    if (path === '/api/relays/register')
      return this.#register(authorization, idempotencyKey, body as RegisterRelay);
    if (path === '/api/relays/heartbeat') return this.#heartbeat(authorization);
    return refused(404, 'not_found');
  }

  /** As a server that takes the client's secret in the body only. */
  #token(authorization: string | undefined, body: Record<string, string>): Answer {
    if (authorization || body['client_secret'] !== 'client:secret')
      return { status: 401, body: { error: 'invalid_client' } };
    const access_token = `token-${randomUUID()}`;
    this.tokens.add(access_token);
    return { status: 200, body: { access_token, token_type: 'Bearer' } };
  }

  /** The same Idempotency-Key is the same relay. */
  #register(
    authorization: string | undefined,
    key: string | undefined,
    relay: RegisterRelay,
  ): Answer | undefined {
    if (!this.tokens.has((authorization ?? '').replace('Bearer ', '')))
      return refused(401, 'join_token_unknown');
    const hex = createHash('sha256').update(`${key}`).digest('hex');
    const relay_id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
    const api_key = `hyr_${relay_id}_${hex.slice(32)}`;
    this.relays.set(relay_id, { ...relay, api_key });
    if (this.loseAnswers-- > 0) return undefined;
    return {
      status: 201,
      body: { relay_id, api_key, connection: relay.connection, next_check_interval: 1 },
    };
  }

  #heartbeat(authorization: string | undefined): Answer {
    const known = [...this.relays.values()].some(({ api_key }) => authorization === `Bearer ${api_key}`);
    if (this.isBusy) return refused(503, 'busy');
    if (!known) return refused(401, 'relay_unknown');
    return { status: 200, body: { status: 'HEALTHY', next_check_interval: 0.2 } };
  }
}

function refused(status: number, code: string): Answer {
  return { status, body: { code, detail: 'no' } };
}
