/** The HTTP API as its clients see it: whole answers, agents by hand, and server-sent events one by one. */
import type { ClaimedJob, RegisterAgent, RegisteredAgent } from '@hybrid/contracts';
import type { Platform } from '@hybrid/test-platform';
import {
  contentDigest,
  contentDigestOf,
  readAgentCredential,
  signRequest,
  type SignatureHeaders,
} from '@hybrid/signatures';
import { randomUUID } from 'node:crypto';

export interface Answer<T = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: T;
}

export interface Ask {
  /** An agent's credential signs the request, anything else is sent. */
  token?: string | undefined;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: RequestInit['body'];
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Claimed {
  job: ClaimedJob;
  jobs: ClaimedJob[];
}

/** A service that stood still for seconds has not answered in time; so often it may. */
const TRIES = 4;

/**
 * Sends `GET /path`; a body that is JSON is parsed, all else is text. Where the answer is to try again, and that does no
 * harm, it is tried again, as clients do.
 */
export async function ask<T = Record<string, unknown>>(
  url: string,
  request: string,
  options: Ask = {},
): Promise<Answer<T>> {
  const harmless = /^(GET|HEAD|PUT) /.test(request) || options.headers?.['idempotency-key'] !== undefined;
  const tries = harmless && !(options.body instanceof ReadableStream) ? TRIES : 1;
  for (let n = 1; ; n++) {
    const answer = await askOnce<T>(url, request, options);
    const { code } = (answer.body ?? {}) as { code?: unknown };
    if (n === tries || answer.status !== 503 || code !== 'timeout') return answer;
  }
}

async function askOnce<T>(url: string, request: string, options: Ask): Promise<Answer<T>> {
  const [method, path] = request.split(' ');
  const { token, json, signal } = options;
  const sent = json === undefined ? options.body : JSON.stringify(json);
  const credential = readAgentCredential(token ?? '');
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token && !credential && { authorization: `Bearer ${token}` }),
      ...(json !== undefined && { 'content-type': 'application/json' }),
      ...(credential && signed(request, token!, sent, options.headers)),
      ...options.headers,
    },
    body: sent,
    signal,
    ...(options.body instanceof ReadableStream && { duplex: 'half' }),
  });
  const type = response.headers.get('content-type') ?? '';
  if (type.startsWith('text/event-stream')) {
    await response.body?.cancel();
    return { status: response.status, headers: response.headers, body: {} as T };
  }
  const text = await response.text();
  const body = /json/.test(type) && text ? (JSON.parse(text) as T) : (text as T);
  return { status: response.status, headers: response.headers, body };
}

/** The headers of an agent's request. A body that is streamed is what `x-content-sha256` says. */
export function signed(
  request: string,
  credential: string,
  body?: RequestInit['body'],
  headers: Record<string, string> = {},
  more?: { created?: number; nonce?: string },
): SignatureHeaders {
  const [method = '', path = ''] = request.split(' ');
  const { pathname, search } = new URL(path, 'http://gateway');
  const sha256 = headers['x-content-sha256'];
  const bytes = typeof body === 'string' || body instanceof Uint8Array ? body : undefined;
  const digest = sha256 === undefined ? contentDigest(bytes) : contentDigestOf(sha256);
  const what = { method, target: pathname + search, contentDigest: digest };
  return signRequest(readAgentCredential(credential)!, what, more);
}

/** A job that any agent of the pool may claim. */
export function jobOf(name: string, pool = 'default', more: object = {}) {
  return {
    name,
    pool,
    ...more,
    spec: { step: { id: name, name, type: 'step.shell_exec', config: { commands: ['true'] } } },
  };
}

export class HandAgent {
  private constructor(
    private readonly url: string,
    readonly id: string,
    readonly token: string,
    readonly pool: string,
  ) {}

  static async register(
    url: string,
    joinToken: string,
    pool = 'default',
    more: Partial<RegisterAgent> = {},
  ): Promise<HandAgent> {
    const { status, body } = await ask<RegisteredAgent>(url, 'POST /api/agents/register', {
      token: joinToken,
      json: { name: 'by-hand', pool, ...more },
      headers: { 'idempotency-key': randomUUID() },
    });
    if (status !== 201) throw new Error(`registration: ${status} ${JSON.stringify(body)}`);
    return new HandAgent(url, body.agent_id, body.credential, body.pool);
  }

  ask<T = Record<string, unknown>>(request: string, options: Ask = {}): Promise<Answer<T>> {
    return ask<T>(this.url, request, { token: this.token, ...options });
  }

  claim(wait_seconds = 0, options: Ask & { count?: number } = {}): Promise<Answer<Claimed>> {
    const { count } = options;
    const json = { agent_id: this.id, pool: this.pool, labels: {}, capabilities: [], wait_seconds, count };
    return this.ask<Claimed>('POST /api/queue/claim', { json, ...options });
  }

  /** Claims the next job and starts it. */
  async take(): Promise<ClaimedJob> {
    const { status, body } = await this.claim(30);
    if (status !== 200) throw new Error(`claim: ${status} ${JSON.stringify(body)}`);
    await this.ask(`PATCH /api/queue/jobs/${body.job.id}/start`, { json: leaseOf(body.job) });
    return body.job;
  }

  finish(job: ClaimedJob, exit_code = 0, more: object = {}): Promise<Answer> {
    return this.ask(`PATCH /api/queue/jobs/${job.id}/complete`, {
      json: { ...leaseOf(job), exit_code, ...more },
    });
  }

  /** Appends lines to the job's log, as NDJSON. */
  log(job: ClaimedJob, lines: unknown[]): Promise<Answer> {
    return this.logText(job, lines.map((line) => JSON.stringify(line)).join('\n'));
  }

  logText(job: ClaimedJob, body: string): Promise<Answer> {
    const headers = {
      'content-type': 'application/x-ndjson',
      'x-attempt': String(job.attempt),
      'x-lease-token': job.lease_token,
    };
    return this.ask(`POST /api/queue/jobs/${job.id}/logs`, { body, headers });
  }
}

export function leaseOf({ attempt, lease_token }: ClaimedJob) {
  return { attempt, lease_token };
}

export function line(seq: number, text = `line ${seq}`) {
  return { seq, time: '2026-01-01T00:00:00.000Z', stream: 'stdout', text };
}

/** Listens on a NATS subject; `seen` resolves with the next message that anybody sends there. */
export async function nextMessage(platform: Platform, subject: string): Promise<{ seen: Promise<void> }> {
  const { nats } = platform.connections;
  const subscription = nats.subscribe(subject, { max: 1 });
  await nats.flush();
  const seen = (async () => {
    for await (const _ of subscription) return;
  })();
  return { seen };
}
