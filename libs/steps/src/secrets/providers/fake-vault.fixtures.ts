/** Behaves as Vault's HTTP API does where this program speaks to it: over a real socket, with its status codes and texts. */
import { createServer as overHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as overHttps } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface FakeVaultOptions {
  tls?: { cert: Buffer; key: Buffer };
  /** Values of KV version 2 by `<mount>/<path>`, oldest version first. */
  versioned?: Record<string, Record<string, unknown>[]>;
  /** Of KV version 1. */
  plain?: Record<string, Record<string, unknown>>;
  /** Accepted logins: `approle/login` → the body that it wants. */
  logins?: Record<string, Record<string, string>>;
  /** Seconds. */
  tokenLife?: number;
  namespace?: string;
}

export class FakeVault {
  sealed = false;
  /** Tokens that are accepted. */
  readonly tokens = new Set<string>();
  readonly requests: string[] = [];
  readonly #server: Server;
  #made = 0;

  constructor(private readonly options: FakeVaultOptions) {
    const answer = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#answer(request, response);
    this.#server = options.tls ? overHttps(options.tls, answer) : overHttp(answer);
  }

  /** Its address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const { port } = this.#server.address() as AddressInfo;
    return `${this.options.tls ? 'https' : 'http'}://127.0.0.1:${port}/`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    this.requests.push(`${method} ${url}`);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const send = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(JSON.stringify(body));
    };
    if (this.sealed) return send(503, { errors: ['Vault is sealed'] });
    if (headers['x-vault-request'] !== 'true') return send(400, { errors: ['required header missing'] });
    if ((headers['x-vault-namespace'] ?? '') !== (this.options.namespace ?? ''))
      return send(404, { errors: ['no handler for route'] });
    const { pathname, searchParams } = new URL(url, 'http://vault');
    const path = pathname.replace('/v1/', '');
    if (method === 'POST' && path.startsWith('auth/'))
      return this.#logIn(path.slice('auth/'.length), Buffer.concat(pieces).toString(), send);
    if (!this.tokens.has(String(headers['x-vault-token'])))
      return send(403, { errors: ['permission denied'] });
    this.#read(path, searchParams.get('version'), send);
  }

  #logIn(path: string, body: string, send: (status: number, body: unknown) => void): void {
    const wanted = this.options.logins?.[path];
    if (!wanted) return send(404, { errors: ['no handler for route'] });
    const given = JSON.parse(body) as Record<string, string>;
    if (JSON.stringify(given) !== JSON.stringify(wanted))
      return send(path.startsWith('approle') ? 400 : 403, { errors: ['invalid role or secret ID'] });
    const client_token = `hvs.login-${++this.#made}`;
    this.tokens.add(client_token);
    const lease_duration = this.options.tokenLife ?? 3600;
    send(200, { request_id: 'r', data: null, auth: { client_token, lease_duration, renewable: true } });
  }

  #read(path: string, version: string | null, send: (status: number, body: unknown) => void): void {
    const plain = this.options.plain?.[path];
    if (plain) return send(200, { request_id: 'r', lease_duration: 2764800, data: plain });
    const [mount, kind, ...rest] = path.split('/');
    const versions = this.options.versioned?.[`${mount}/${rest.join('/')}`];
    if (kind === 'data' && versions) {
      const number = Number(version ?? versions.length);
      const data = versions[number - 1];
      if (data) return send(200, { request_id: 'r', data: { data, metadata: { version: number } } });
    }
    const mounts = Object.keys(this.options.versioned ?? {}).map((name) => name.split('/')[0]);
    if (kind !== 'data' && mounts.includes(mount))
      return send(404, {
        errors: [],
        warnings: [
          'Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints to use.',
        ],
      });
    send(404, { errors: [] });
  }
}
