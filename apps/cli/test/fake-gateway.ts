/** A control plane of a few routes over a real socket, whose run does what the spec says. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RunView, StepStatus, StepView } from '@hybrid/contracts';

export interface SeenRequest {
  method: string;
  path: string;
  query: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
}

interface Line {
  attempt: number;
  seq: number;
  time: string;
  stream: string;
  text: string;
}

export const TOKEN = 'token-for-specs';
export const RUN_ID = 'run-1';
const TIME = '2026-01-02T03:04:05.000Z';
/** How much later each thing that happens is than the one before. */
const TICK_MS = 500;

export function step(id: string, needs: string[] = []): StepView {
  return {
    id,
    name: id.replace(/\[.*/, ''),
    type: 'step.shell_exec',
    matrix: {},
    needs,
    status: 'PENDING',
    job_id: null,
    agent_id: null,
    queued_at: null,
    started_at: null,
    completed_at: null,
    exit_code: null,
    message: null,
    outputs: {},
    artifacts: [],
    report: null,
    failed_attempts: [],
    gate: null,
    reused_from: null,
  };
}

export class FakeGateway {
  readonly requests: SeenRequest[] = [];
  run: RunView;
  /** Answers of other routes: `'GET /api/agents': {status, body}`. */
  readonly answers = new Map<string, { status: number; body: unknown }>();
  /** Server-sent events of other routes, by their path: sent at once, then the stream ends. */
  readonly streams = new Map<string, { event: string; data: unknown }[]>();
  /** While true every request is answered with 503. */
  away = false;
  /** What its clock says; the right time unless told. */
  date: Date | undefined;
  /** Runs whenever a run is started. */
  onStart: () => void = () => undefined;
  private now = Date.parse(TIME);
  private readonly lines = new Map<string, Line[]>();
  private readonly over = new Set<string>();
  private readonly listeners = new Set<{ response: ServerResponse; send: () => void }>();
  private readonly server = createServer((request, response) => void this.answer(request, response));

  constructor(steps: StepView[]) {
    this.run = {
      id: RUN_ID,
      pipeline: 'demo',
      pipeline_version: 3,
      status: 'RUNNING',
      source: null,
      started_by: 'admin',
      created_at: TIME,
      completed_at: null,
      steps_total: steps.length,
      steps_succeeded: 0,
      steps_failed: 0,
      retry_of: null,
      steps,
    };
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((closed) => this.server.close(closed));
  }

  starts(id: string): void {
    Object.assign(this.find(id), {
      status: 'RUNNING',
      job_id: `job-${id}`,
      agent_id: 'local',
      started_at: this.tick(),
    });
    this.wakeAll();
  }

  queues(id: string): void {
    Object.assign(this.find(id), { status: 'QUEUED', job_id: `job-${id}`, queued_at: this.tick() });
    this.wakeAll();
  }

  writes(id: string, text: string, attempt = 1): void {
    const lines = this.lines.get(id) ?? [];
    const seq = lines.filter((line) => line.attempt === attempt).length;
    this.lines.set(id, [...lines, { attempt, seq, time: TIME, stream: 'stdout', text }]);
    this.wakeAll();
  }

  ends(id: string, status: StepStatus, patch: Partial<StepView> = {}): void {
    Object.assign(this.find(id), { status, completed_at: this.tick(), ...patch });
    this.over.add(id);
    this.wakeAll();
  }

  runEnds(status: RunView['status']): void {
    Object.assign(this.run, { status, completed_at: this.tick() });
    this.wakeAll();
  }

  /** Cuts every open stream of events, as a proxy or a restart does. */
  cutStreams(): void {
    for (const { response } of this.listeners) response.destroy();
  }

  get openStreams(): number {
    return this.listeners.size;
  }

  private tick(): string {
    this.now += TICK_MS;
    return new Date(this.now).toISOString();
  }

  private find(id: string): StepView {
    const found = this.run.steps.find((each) => each.id === id);
    if (!found) throw new Error(`the fake run has no step ${id}`);
    return found;
  }

  private wakeAll(): void {
    for (const { send } of this.listeners) send();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://fake');
    const path = decodeURIComponent(pathname);
    const method = request.method ?? '';
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : {};
    this.requests.push({ method, path, query: searchParams.toString(), headers: request.headers, body });
    const json = (status: number, value: unknown) => {
      const type = status < 400 ? 'application/json' : 'application/problem+json';
      const date = this.date && { date: this.date.toUTCString() };
      response.writeHead(status, { 'content-type': type, ...date }).end(JSON.stringify(value));
    };
    if (this.away) return json(503, { code: 'unavailable', detail: 'pipelines does not answer' });
    if (request.headers.authorization !== `Bearer ${TOKEN}`)
      return json(401, { code: 'unauthenticated', detail: 'no' });
    const scripted = this.answers.get(`${method} ${path}`);
    if (scripted) return json(scripted.status, scripted.body);
    const stream = this.streams.get(path);
    if (stream) {
      const frames = stream.map(({ event, data }) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      return void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(frames.join(''));
    }
    if (method === 'PUT' && path.startsWith('/api/pipelines/'))
      return json(200, { id: path.split('/')[3], version: 3 });
    if (method === 'POST' && path === '/api/pipelines/demo/runs') {
      this.run.source = body['source'] as RunView['source'];
      json(201, this.run);
      return this.onStart();
    }
    if (path === `/api/runs/${RUN_ID}`) return json(200, this.run);
    if (path === '/api/dashboard/events') return this.streamEvents(response);
    const job = /^\/api\/queue\/jobs\/job-(.+)\/logs$/.exec(path)?.[1];
    if (job !== undefined) {
      if (searchParams.get('follow') === 'true') return this.streamLines(job, request, response);
      return json(200, { lines: this.lines.get(job) ?? [], next_cursor: null });
    }
    json(404, { code: 'not_found', detail: `there is no ${path}` });
  }

  private streamEvents(response: ServerResponse): void {
    this.open(response, () => {
      response.write(`id: 1\nevent: StepChanged\ndata: {}\n\n`);
    });
  }

  private streamLines(job: string, request: IncomingMessage, response: ServerResponse): void {
    // Resumes at the line after the last one that the client saw; sends that one twice, as at-least-once may.
    const last = Number(request.headers['last-event-id'] ?? -1);
    let next = Math.max(0, last);
    this.open(response, () => {
      const lines = this.lines.get(job) ?? [];
      for (; next < lines.length; next++) {
        const line = lines[next]!;
        response.write(`id: ${next}\nevent: line\ndata: ${JSON.stringify(line)}\n\n`);
      }
      if (this.over.has(job) && !response.writableEnded) response.end('event: end\ndata: {}\n\n');
    });
  }

  private open(response: ServerResponse, send: () => void): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    const listener = { response, send };
    this.listeners.add(listener);
    response.on('finish', () => this.listeners.delete(listener));
    response.on('close', () => this.listeners.delete(listener));
    send();
  }
}
