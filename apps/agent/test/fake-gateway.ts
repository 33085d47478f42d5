/** A gateway on a real socket that checks signatures, remembers what an agent said to it and fails when told to. Above 400 lines, as it is one server whose routes share what it remembers. */
import type {
  AgentStatus,
  ClaimedJob,
  ClaimJob,
  CompleteJob,
  ExchangeToken,
  Heartbeat,
  JobSpec,
  LogLine,
  RegisterAgent,
  RegisterArtifact,
  ReleaseJob,
  ReportProgress,
} from '@hybrid/contracts';
import { freePort } from '@hybrid/servers';
import {
  agentCredential,
  contentDigest,
  isSignedWith,
  readAgentCredential,
  readSignature,
  type AgentCredential,
} from '@hybrid/signatures';
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';

export const JOIN_TOKEN = 'join-token-of-the-tests';

export interface RecordedJob {
  job: ClaimedJob;
  started: number;
  /** By sequence number, as the real one deduplicates. */
  lines: Map<number, LogLine>;
  completed: CompleteJob[];
  released: ReleaseJob[];
  progress: ReportProgress[];
  /** What was accepted, in order: start, logs, progress, complete, release. */
  accepted: string[];
  /** Sequence numbers of the lines as they came, repeated ones too. */
  came: number[];
}

interface StoredArtifact {
  bytes: Buffer;
  type: string;
}

type Answer = { status: number; json?: unknown };
/** `hang up`: before it has taken anything; `hang up after`: it has taken all, and the answer is lost; `take`: no failure. */
type How = 'away' | 'hang up' | 'hang up after' | 'take' | Answer;
type Failure = { method: string; path: RegExp; how: How; times: number };

export class FakeGateway {
  readonly registrations: { body: RegisterAgent; key: string; token: string }[] = [];
  readonly heartbeats: Heartbeat[] = [];
  readonly statuses: string[] = [];
  /** Bytes: once a job has lines, more than that at once is cut. */
  logLimit: number | undefined;
  /** Agents that have deregistered. */
  readonly gone: string[] = [];
  /** What the agent is called in the answers to its heartbeats. */
  status: AgentStatus = 'HEALTHY';
  /** Jobs asked for in each claim. */
  readonly counts: number[] = [];
  /** Who asked for jobs, the last one last. */
  readonly claimants: ClaimJob[] = [];
  readonly jobs = new Map<string, RecordedJob>();
  readonly artifacts = new Map<string, StoredArtifact>();
  /** What was told of artifacts that lie elsewhere. */
  readonly elsewhere = new Map<string, RegisterArtifact>();
  /** What of an upload is there. */
  readonly uploads = new Map<string, Buffer>();
  readonly puts: { address: string; offset: number; length: number; query: string }[] = [];
  /** Where each download began. */
  readonly gets: number[] = [];
  /** After how many bytes the next downloads break off. */
  readonly cutDownloads: number[] = [];
  readonly lost = new Set<string>();
  readonly requests: string[] = [];
  /** Artifacts are sent with a byte changed. */
  altered = false;
  /** Claims that wait for a job at this moment. */
  waitingClaims = 0;
  /** Heartbeats are answered with it: another credential is wanted. */
  rotate = false;
  /** Tokens of workloads that it takes in exchange, and what was asked with them and with others. */
  readonly workloadTokens = new Set<string>();
  readonly exchanges: ExchangeToken[] = [];
  /** For which a workload's credential holds. */
  credentialSeconds = 3600;
  /** Credentials that were given out, the agent's newest last. */
  readonly credentials: string[] = [];
  /** By Idempotency-Key. */
  #agents = new Map<string, AgentCredential[]>();
  /** `performance.now` by credential. */
  #ends = new Map<string, number>();
  #nonces = new Set<string>();
  #queue: ClaimedJob[] = [];
  #failures: Failure[] = [];
  #wake: (() => void)[] = [];
  #server: Server | null = null;
  #port = 0;

  /** Listens; again on the same port after `stop`. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    this.#port ||= await freePort();
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    for (const wake of this.#wake.splice(0)) wake();
    await new Promise((resolve) => {
      if (!server) return resolve(undefined);
      server.close(resolve);
      server.closeAllConnections();
    });
  }

  /** Queues a job; answers what will be recorded of it. */
  offer(spec: Partial<JobSpec> & Pick<JobSpec, 'step'>, rest: Partial<ClaimedJob> = {}): RecordedJob {
    const id = randomUUID();
    const job: ClaimedJob = {
      id,
      status: 'CLAIMED',
      attempt: 1,
      lease_token: randomUUID(),
      claimed_lease_expires_at: new Date(Date.now() + 30_000).toISOString(),
      name: spec.step.name,
      run_id: 'run-1',
      timeout_seconds: 60,
      spec,
      traceparent: null,
      ...rest,
    };
    const record: RecordedJob = {
      job,
      started: 0,
      lines: new Map(),
      completed: [],
      released: [],
      progress: [],
      accepted: [],
      came: [],
    };
    this.jobs.set(id, record);
    this.#queue.push(job);
    this.#wake.shift()?.();
    return record;
  }

  /** The next `times` requests that match are answered like this. */
  fail(method: string, path: RegExp, how: How, times = 1): void {
    this.#failures.push({ method, path, how, times });
  }

  /** A credential as a registration would answer it. */
  credentialFor(key: string): string {
    const keys = this.#agents.get(key) ?? [newKey(randomUUID(), 1)];
    this.#agents.set(key, keys);
    return agentCredential(keys.at(-1)!);
  }

  /** All that were given out so far. */
  endCredentials(): void {
    for (const credential of this.credentials) this.#ends.set(credential, 0);
  }

  forgetAgents(): void {
    this.#agents.clear();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url ?? '/', this.url).pathname;
    this.requests.push(`${request.method} ${path}`);
    const how = this.#howFor(request.method, path);
    if (how === 'hang up') return void request.socket.destroy();
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
      if (how === 'away') return send(response, { status: 503 });
      if (typeof how === 'object') return send(response, how);
      const bytes = Buffer.concat(chunks);
      const open = ['/api/agents/register', '/api/agents/token'].includes(path);
      const refusal = open ? null : this.#refuse(request, bytes);
      if (refusal) return send(response, problem(401, refusal));
      const [, execution, key, rest] = /^\/api\/artifacts\/([^/]+)\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
      if (execution && key) {
        const address = `${decodeURIComponent(execution)} ${decodeURIComponent(key)}`;
        if (rest === '/metadata') {
          this.elsewhere.set(address, JSON.parse(bytes.toString()) as RegisterArtifact);
          return send(response, { status: 200, json: {} });
        }
        if (rest === '/upload')
          return send(response, { status: 200, json: { offset: this.uploads.get(address)?.length ?? 0 } });
        return this.#artifact(request, response, address, bytes);
      }
      const answer = await this.#answer(request, path, bytes.toString('utf8'));
      if (how === 'hang up after') request.socket.destroy();
      else send(response, answer);
    } catch {
      // The agent hung up; it says so in its own log.
      response.destroy();
    }
  }

  #howFor(method: string | undefined, path: string): How {
    const failure = this.#failures.find(
      (one) => one.method === method && one.path.test(path) && one.times > 0,
    );
    if (!failure) return 'take';
    failure.times--;
    return failure.how;
  }

  async #answer(request: IncomingMessage, path: string, text: string): Promise<Answer> {
    if (path === '/api/agents/register') return this.#register(request, JSON.parse(text) as RegisterAgent);
    if (path === '/api/agents/token') return this.#exchange(request, JSON.parse(text) as ExchangeToken);
    if (path === '/api/queue/claim') return this.#claim(request, JSON.parse(text) as ClaimJob);
    const [, noun, id, verb] = /^\/api\/(agents|queue\/jobs)\/([^/]+)\/(\w+)$/.exec(path) ?? [];
    if (noun === 'agents')
      return this.#agent(id ?? '', verb ?? '', JSON.parse(text) as Heartbeat & { status: string });
    const record = this.jobs.get(id ?? '');
    if (!record) return problem(404, 'not_found');
    return verb === 'logs'
      ? this.#logs(record, request, text)
      : this.#job(record, verb ?? '', JSON.parse(text) as CompleteJob & ReleaseJob);
  }

  /** The code of what is wrong with the request's signature; null: nothing is. */
  #refuse(request: IncomingMessage, body: Buffer): string | null {
    const signature = readSignature(request.headers);
    if (!signature) return 'signature_malformed';
    const { agentId, version, nonce } = signature;
    const signer = [...this.#agents.values()]
      .flat()
      .find((one) => one.agentId === agentId && one.version === version);
    const ends = signer && this.#ends.get(agentCredential(signer));
    if (!signer || (ends !== undefined && ends <= performance.now())) return 'agent_unknown';
    if (!isSignedWith(signer.key, signature, { method: request.method ?? '', target: request.url ?? '' }))
      return 'signature_wrong';
    if (contentDigest(body) !== signature.contentDigest) return 'digest_wrong';
    if (this.#nonces.has(nonce)) return 'replayed';
    this.#nonces.add(nonce);
    return null;
  }

  #exchange({ headers }: IncomingMessage, asked: ExchangeToken): Answer {
    this.exchanges.push(asked);
    if (headers.authorization !== undefined || !this.workloadTokens.has(asked.subject_token))
      return problem(401, 'workload_token_expired');
    const access_token = `access-${asked.subject_token}`;
    return { status: 200, json: { access_token, pool: asked.pool, expires_in: 600 } };
  }

  #register(request: IncomingMessage, body: RegisterAgent): Answer {
    const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
    const key = String(request.headers['idempotency-key']);
    this.registrations.push({ body, key, token });
    const workload = this.workloadTokens.has(token.replace('access-', ''));
    if (token !== JOIN_TOKEN && !workload) return problem(401, 'unauthenticated');
    const keys = this.#agents.get(key);
    if (workload && keys) keys.push(newKey(keys[0]!.agentId, keys.length + 1));
    const credential = this.credentialFor(key);
    this.credentials.push(credential);
    const { agentId } = readAgentCredential(credential)!;
    const lifeMs = this.credentialSeconds * 1000;
    if (workload) this.#ends.set(credential, performance.now() + lifeMs);
    const expires_at = workload ? new Date(Date.now() + lifeMs).toISOString() : null;
    return { status: 201, json: { agent_id: agentId, credential, pool: body.pool, expires_at } };
  }

  async #claim(request: IncomingMessage, claim: ClaimJob): Promise<Answer> {
    const { count = 1 } = claim;
    this.claimants.push(claim);
    this.counts.push(count);
    this.waitingClaims++;
    let open = true;
    const closed = (): void => {
      open = false;
      for (const wake of this.#wake.splice(0)) wake();
    };
    request.socket.once('close', closed);
    while (this.#queue.length === 0 && open && this.#server) {
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
    request.socket.off('close', closed);
    this.waitingClaims--;
    const jobs = open ? this.#queue.splice(0, count) : [];
    return jobs[0] ? { status: 200, json: { job: jobs[0], jobs } } : problem(404, 'no_jobs_available');
  }

  #agent(id: string, verb: string, body: Heartbeat & { status: string }): Answer {
    if (verb === 'deregister') {
      this.gone.push(id);
      return { status: 200, json: {} };
    }
    if (verb === 'credential') return this.#rotate(id);
    if (verb === 'status') {
      this.statuses.push(body.status);
      return { status: 200, json: {} };
    }
    this.heartbeats.push(body);
    const lost = (body.running ?? []).map(({ job_id }) => job_id).filter((id) => this.lost.has(id));
    return {
      status: 200,
      json: { status: this.status, next_check_interval: 0.1, lost, rotate_credential: this.rotate },
    };
  }

  /** The one before goes on. */
  #rotate(id: string): Answer {
    this.rotate = false;
    const keys = [...this.#agents.values()].find(([first]) => first?.agentId === id)!;
    keys.push(newKey(id, keys.length + 1));
    const credential = agentCredential(keys.at(-1)!);
    this.credentials.push(credential);
    return { status: 200, json: { agent_id: id, credential, pool: 'default', expires_at: null } };
  }

  #job(record: RecordedJob, verb: string, body: CompleteJob & ReleaseJob): Answer {
    const { job } = record;
    if (this.lost.has(job.id) || body.lease_token !== job.lease_token || body.attempt !== job.attempt)
      return problem(409, 'lease_lost');
    record.accepted.push(verb);
    if (verb === 'start') record.started++;
    else if (verb === 'release') record.released.push(body);
    else if (verb === 'progress') record.progress.push(body);
    else record.completed.push(body);
    return { status: 200, json: {} };
  }

  #logs(record: RecordedJob, request: IncomingMessage, text: string): Answer {
    if (
      request.headers['x-lease-token'] !== record.job.lease_token ||
      record.completed.length > 0 ||
      this.lost.has(record.job.id)
    )
      return problem(409, 'lease_lost');
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as LogLine);
    if (this.logLimit !== undefined && record.lines.size > 0 && text.length > this.logLimit)
      return { status: 200, json: { accepted: 0, cut: this.logLimit } };
    for (const line of lines) record.lines.set(line.seq, line);
    record.came.push(...lines.map(({ seq }) => seq));
    record.accepted.push('logs');
    return { status: 202, json: { accepted: lines.length } };
  }

  #artifact(request: IncomingMessage, response: ServerResponse, address: string, body: Buffer): void {
    const query = new URL(request.url ?? '', 'http://gateway').searchParams;
    if (request.method === 'PUT') {
      if (request.headers['x-content-sha256'] !== sha256Of(body))
        return send(response, problem(422, 'digest_mismatch'));
      const offset = Number(query.get('offset') ?? 0);
      const before = this.uploads.get(address) ?? Buffer.alloc(0);
      if (offset > before.length) return send(response, problem(409, 'upload_offset'));
      const bytes = Buffer.concat([before.subarray(0, offset), body]);
      if (sha256Of(bytes) !== (query.get('sha256') ?? sha256Of(body)))
        return send(response, problem(422, 'digest_mismatch'));
      this.puts.push({ address, offset, length: body.length, query: request.url ?? '' });
      this.artifacts.set(address, { bytes, type: String(request.headers['content-type']) });
      return send(response, { status: 201, json: { size: bytes.length } });
    }
    const elsewhere = this.elsewhere.get(address);
    if (elsewhere && request.method !== 'HEAD') return send(response, problem(409, 'artifact_elsewhere'));
    const stored = this.artifacts.get(address);
    if (elsewhere)
      response.writeHead(200, {
        'content-type': elsewhere.content_type,
        'content-length': elsewhere.size,
        'x-content-sha256': elsewhere.sha256,
        'x-artifact-location': elsewhere.location,
      });
    else if (!stored) return send(response, problem(404, 'not_found'));
    else {
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, {
        'content-type': stored.type,
        'content-length': stored.bytes.length - from,
        'x-content-sha256': sha256Of(stored.bytes),
      });
      const bytesSent = Buffer.from(stored.bytes.subarray(from));
      if (this.altered) bytesSent[0] = (bytesSent[0] ?? 0) ^ 1;
      if (request.method === 'HEAD') return void response.end();
      this.gets.push(from);
      const cut = this.cutDownloads.shift();
      if (cut === undefined) return void response.end(bytesSent);
      return void response.write(bytesSent.subarray(0, cut), () => setImmediate(() => response.destroy()));
    }
    response.end();
  }
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function newKey(agentId: string, version: number): AgentCredential {
  return { agentId, version, key: createHash('sha256').update(`${agentId} ${version}`).digest() };
}

function problem(status: number, code: string): Answer {
  return { status, json: { code, detail: `the fake gateway says ${code}` } };
}

function send(response: ServerResponse, { status, json }: Answer): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(json === undefined ? '' : JSON.stringify(json));
}

/** The log as one text, a line of the agent itself marked by `: `. */
export function logText(record: RecordedJob): string {
  const lines = [...record.lines.values()].sort((a, b) => a.seq - b.seq);
  return lines.map(({ stream, text }) => (stream === 'system' ? `: ${text}` : text)).join('\n');
}
