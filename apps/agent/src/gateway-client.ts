/** The agent's only way out: requests to the gateway, signed; told apart into answered, refused and away. */
import { contentDigest, contentDigestOf, readAgentCredential, signRequest } from '@hybrid/signatures';
import { Backoff } from '@hybrid/steps';
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import { exchange, readText } from './http-exchange.js';
import type { Notify } from './notices.js';

/** Milliseconds. Above the gateway's own time limits, so that its answer is heard. */
const IDLE_MS = 20_000;
/** Bytes. A claimed job at the limits of the contract is about 16 MiB. */
const ANSWER_MAX = 32 * 1024 * 1024;

/** Refusals of a signature, not of who signed it: the next one may be taken, once the operator has mended what is told. */
const SIGN_ANEW = ['replayed', 'clock_skew', 'signature_wrong', 'signature_malformed', 'digest_wrong'];

/** The gateway did not answer, or answered that it cannot now: worth another try. */
export class GatewayAway extends Error {
  /** It answered that it cannot now; false when there was no answer. */
  readonly answered: boolean;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GatewayAway';
    this.answered = options?.cause instanceof GatewayRefusal;
  }
}

/** The gateway answered no: another try would be answered alike. */
export class GatewayRefusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
  ) {
    super(`the gateway refused with ${status} ${code}: ${detail}`);
    this.name = 'GatewayRefusal';
  }
}

export interface Call {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  /** Begins with `/`; parts are encoded already. */
  path: string;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is; of a stream the header X-Content-SHA256 must say what it is. */
  body?: string | Buffer | Readable;
  headers?: OutgoingHttpHeaders;
  /** Sent in place of a signature; null: nothing says who calls. */
  bearer?: string | null;
  idleMs?: number;
  signal?: AbortSignal;
}

export class GatewayClient {
  /** The agent's credential, with which calls are signed. */
  token = '';
  #away = false;

  constructor(
    readonly url: string,
    private readonly notify: Notify,
  ) {}

  /** The parsed answer. Throws GatewayAway, GatewayRefusal or the signal's reason. */
  async call<T>(call: Call): Promise<T> {
    const response = await this.open(call);
    try {
      const text = await readText(response, ANSWER_MAX);
      return (text === '' ? {} : JSON.parse(text)) as T;
    } catch (cause) {
      call.signal?.throwIfAborted();
      throw new GatewayAway(
        `the answer to ${call.method} ${call.path} could not be read: ${(cause as Error).message}`,
        { cause },
      );
    }
  }

  /** Like `call`, tried again with growing pauses until there is an answer or a refusal. */
  async insist<T>(call: Call): Promise<T> {
    return this.retry(() => this.call<T>(call), call.signal);
  }

  /** Runs `attempt` again with growing pauses for as long as it throws GatewayAway. */
  async retry<T>(attempt: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const backoff = new Backoff();
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof GatewayAway)) throw error;
        await backoff.pause(signal);
      }
    }
  }

  /** A response of 2xx, its body not read yet. Throws GatewayAway, GatewayRefusal or the signal's reason. */
  async open(call: Call): Promise<IncomingMessage> {
    const { method, path, json, signal } = call;
    const body = json === undefined ? call.body : JSON.stringify(json);
    const headers: OutgoingHttpHeaders = {
      accept: 'application/json',
      ...call.headers,
      ...this.#proof(call, body),
    };
    if (json !== undefined) headers['content-type'] = 'application/json';
    if (typeof body === 'string' || Buffer.isBuffer(body))
      headers['content-length'] = Buffer.byteLength(body);
    let response: IncomingMessage;
    try {
      response = await exchange({
        method,
        url: new URL(this.url + path),
        headers,
        body,
        idleMs: call.idleMs ?? IDLE_MS,
        signal,
      });
    } catch (cause) {
      signal?.throwIfAborted();
      throw this.#isAway(cause as Error);
    }
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) {
      this.#isBack();
      return response;
    }
    const refusal = await refusalOf(response, status);
    const again = status >= 500 || status === 429 || status === 408 || SIGN_ANEW.includes(refusal.code);
    if (again) throw this.#isAway(refusal);
    this.#isBack();
    throw refusal;
  }

  /** Made anew for each try: a signature is taken once. */
  #proof({ method, path, headers = {}, bearer }: Call, body: Call['body']): OutgoingHttpHeaders {
    if (bearer === null) return {};
    const credential = readAgentCredential(this.token);
    if (bearer !== undefined || !credential) return { authorization: `Bearer ${bearer ?? this.token}` };
    // As it reaches the gateway: behind a proxy the URL may have a path of its own before it.
    const { pathname, search } = new URL(path, 'http://gateway');
    const digest =
      body instanceof Readable ? contentDigestOf(String(headers['x-content-sha256'])) : contentDigest(body);
    return { ...signRequest(credential, { method, target: pathname + search, contentDigest: digest }) };
  }

  #isAway(cause: Error): GatewayAway {
    if (!this.#away)
      this.notify(`the gateway ${this.url} is away (${reasonOf(cause)}): trying again until it answers`);
    this.#away = true;
    return new GatewayAway(`the gateway ${this.url} is away: ${reasonOf(cause)}`, { cause });
  }

  #isBack(): void {
    if (this.#away) this.notify(`the gateway ${this.url} answers again`);
    this.#away = false;
  }
}

async function refusalOf(response: IncomingMessage, status: number): Promise<GatewayRefusal> {
  try {
    const { code, detail } = JSON.parse(await readText(response, 1024 * 1024)) as {
      code?: unknown;
      detail?: unknown;
    };
    return new GatewayRefusal(
      status,
      typeof code === 'string' ? code : 'unknown',
      typeof detail === 'string' ? detail : '',
    );
  } catch {
    response.destroy();
    return new GatewayRefusal(
      status,
      'unknown',
      'the answer is not problem+json: is this the gateway, and is a proxy in between?',
    );
  }
}

/** A refused connection to several addresses is an AggregateError without a message of its own. */
function reasonOf(error: Error): string {
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
