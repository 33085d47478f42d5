/** The control plane's HTTP API, as far as the commands need it. */
import type {
  AgentView,
  ConsumerReplay,
  ConsumerView,
  DecideGate,
  DoctorReport,
  FieldError,
  Grant,
  JobExplanation,
  JobView,
  LogLine,
  PipelineView,
  PoolView,
  Priority,
  Problem,
  ProjectionView,
  PutPipeline,
  QueueStats,
  RebuildView,
  ReplayedProjection,
  RequeuedJobs,
  RequeueJobs,
  RetryRun,
  RunSummary,
  RunView,
  ScalePool,
  ScaleSignal,
  StartRun,
  StepView,
  TestView,
  ValidationReport,
} from '@hybrid/contracts';
import { hostname } from 'node:os';
import { accessCalls } from './access-api.js';
import type { Connection } from './connection.js';
import { RefusedError, UnreachableError } from './errors.js';
import { routingCalls } from './routing-api.js';

export interface ListPage {
  total: number;
  next_cursor: string | null;
}

/** A line as the log routes answer it: `seq` counts within the attempt. */
export type AttemptLogLine = LogLine & { attempt: number };

/** `services` says of each one whether it answered. */
export interface ProjectionsReply {
  projections: ProjectionView[];
  services: Record<string, string>;
}

export interface ConsumersReply {
  consumers: ConsumerView[];
  services: Record<string, string>;
}

/** RFC 8628. Times in seconds. */
export interface DeviceAuthorization {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
  expires_in: number;
  interval: number;
}

export interface Me {
  kind: string;
  id: string;
  organisation: string;
  roles: Grant[];
}

type Query = Record<string, string | number | undefined>;
export type Api = ReturnType<typeof connectApi>;

/** Each call throws RefusedError or UnreachableError; `signal` ends it with the signal's reason. */
export function connectApi({ url, token, organisation }: Connection) {
  const authorization: Record<string, string> = {
    ...(token && { authorization: `Bearer ${token}` }),
    ...(organisation && { 'x-organisation': organisation }),
  };

  async function send(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(url + path, { ...init, headers: { ...authorization, ...init.headers } });
    } catch (cause) {
      if (init.signal?.aborted) throw cause;
      throw new UnreachableError(
        `cannot reach ${url} (${reason(cause)}); is it running (npm start), and is --url or HYBRID_URL right?`,
        { cause },
      );
    }
    if (!response.ok) throw await refusal(response, url, token !== undefined);
    return response;
  }

  async function json<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<T> {
    return (await answer<T>(method, path, body, headers)).body;
  }

  async function answer<T>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ body: T; headers: Headers }> {
    const response = await send(path, {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    try {
      return { body: (await response.json()) as T, headers: response.headers };
    } catch (cause) {
      throw new UnreachableError(`${url}${path} did not answer with JSON; is it a hybrid control plane?`, {
        cause,
      });
    }
  }

  const at = encodeURIComponent;
  // Shown to whoever is asked whether this device may sign in.
  const named = {
    'user-agent': `hybrid on ${hostname().replaceAll(/[^\x21-\x7e]/g, '')} (${process.platform})`,
  };
  return {
    url,
    ...accessCalls(json, queryString),
    ...routingCalls(json, queryString),
    beginDeviceLogin: () => json<DeviceAuthorization>('POST', '/auth/device', {}, named),
    deviceToken: (device_code: string) =>
      json<{ access_token: string }>('POST', '/auth/device/token', { device_code }, named),
    logout: (session: string) =>
      json<unknown>('POST', '/auth/logout', {}, { authorization: `Bearer ${session}` }),
    whoami: () => json<Me>('GET', '/api/users/me'),
    putPipeline: (name: string, definition: string, files?: Files, origin: Origin = {}) =>
      json<PipelineView>('PUT', `/api/pipelines/${at(name)}`, { ...withFiles(definition, files), ...origin }),
    validatePipeline: (definition: string, files?: Files) =>
      json<ValidationReport>('POST', '/api/pipelines/validate', withFiles(definition, files)),
    listPipelines: (query: Query) =>
      json<ListPage & { pipelines: PipelineView[] }>('GET', `/api/pipelines${queryString(query)}`),
    startRun: (pipeline: string, body: StartRun, idempotencyKey: string) =>
      json<RunView>('POST', `/api/pipelines/${at(pipeline)}/runs`, body, {
        'idempotency-key': idempotencyKey,
      }),
    getRun: (id: string) => json<RunView>('GET', `/api/runs/${at(id)}`),
    getStep: (run: string, step: string) => json<StepView>('GET', `/api/runs/${at(run)}/steps/${at(step)}`),
    listRuns: (query: Query) =>
      json<ListPage & { runs: RunSummary[] }>('GET', `/api/runs${queryString(query)}`),
    cancelRun: (id: string) => json<RunView>('POST', `/api/runs/${at(id)}/cancel`, {}),
    approveRun: (id: string) => json<RunView>('POST', `/api/runs/${at(id)}/approve`, {}),
    retryRun: (id: string, what: RetryRun, idempotencyKey: string) =>
      json<RunView>('POST', `/api/runs/${at(id)}/retry`, what, { 'idempotency-key': idempotencyKey }),
    approveGate: (run: string, gate: string, decision: DecideGate) =>
      json<RunView>('POST', `/api/runs/${at(run)}/gates/${at(gate)}/approve`, decision),
    rejectGate: (run: string, gate: string, decision: DecideGate) =>
      json<RunView>('POST', `/api/runs/${at(run)}/gates/${at(gate)}/reject`, decision),
    listTests: (pipeline: string, query: Query) =>
      json<ListPage & { tests: TestView[] }>(
        'GET',
        `/api/pipelines/${at(pipeline)}/tests${queryString(query)}`,
      ),
    listAgents: (query: Query) =>
      json<ListPage & { agents: AgentView[] }>('GET', `/api/agents${queryString(query)}`),
    getAgent: (id: string) => json<AgentView>('GET', `/api/agents/${at(id)}`),
    drainAgent: (id: string) => json<AgentView>('POST', `/api/agents/${at(id)}/drain`, {}),
    resumeAgent: (id: string) => json<AgentView>('POST', `/api/agents/${at(id)}/resume`, {}),
    deregisterAgent: (id: string) => json<AgentView>('POST', `/api/agents/${at(id)}/deregister`, {}),
    listPools: () => json<{ pools: PoolView[] }>('GET', '/api/agents/pools'),
    getPool: (name: string) => json<PoolView>('GET', `/api/agents/pools/${at(name)}`),
    pausePool: (name: string, reason: string) =>
      json<unknown>('POST', `/api/agents/pools/${at(name)}/pause`, { reason }),
    resumePool: (name: string) => json<unknown>('POST', `/api/agents/pools/${at(name)}/resume`, {}),
    scalePool: (name: string, settings: ScalePool) =>
      json<unknown>('POST', `/api/agents/pools/${at(name)}/scale`, settings),
    poolScale: (name: string) => json<ScaleSignal>('GET', `/api/agents/pools/${at(name)}/scale`),
    listJobs: (query: Query) =>
      json<ListPage & { jobs: JobView[] }>('GET', `/api/queue/jobs${queryString(query)}`),
    getJob: (id: string) => json<JobView>('GET', `/api/queue/jobs/${at(id)}`),
    cancelJob: (id: string) => json<JobView>('DELETE', `/api/queue/jobs/${at(id)}`),
    requeueJob: (id: string) => json<JobView>('POST', `/api/queue/jobs/${at(id)}/requeue`, {}),
    requeueJobs: (filter: RequeueJobs) => json<RequeuedJobs>('POST', '/api/queue/jobs/requeue', filter),
    setJobPriority: (id: string, priority: Priority) =>
      json<JobView>('PATCH', `/api/queue/jobs/${at(id)}/priority`, { priority }),
    explainJob: (id: string, query: Query) =>
      json<JobExplanation>('GET', `/api/queue/jobs/${at(id)}/explain${queryString(query)}`),
    queueStats: (query: Query) => json<QueueStats>('GET', `/api/queue/stats${queryString(query)}`),
    jobLogs: (id: string, query: Query) =>
      json<{ lines: AttemptLogLine[]; next_cursor: string | null }>(
        'GET',
        `/api/queue/jobs/${at(id)}/logs${queryString(query)}`,
      ),
    /** Its bytes are not read yet. */
    artifact: (run: string, key: string) =>
      send(`/api/artifacts/${at(run)}/${at(key)}`, { headers: { accept: '*/*' } }),
    listProjections: () => json<ProjectionsReply>('GET', '/api/operations/projections'),
    rebuildProjection: (service: string, name: string) =>
      json<{ rebuild: RebuildView }>(
        'POST',
        `/api/operations/projections/${at(service)}/${at(name)}/rebuild`,
        {},
      ),
    replayProjection: (service: string, name: string) =>
      json<ReplayedProjection>('POST', `/api/operations/projections/${at(service)}/${at(name)}/replay`, {}),
    listConsumers: () => json<ConsumersReply>('GET', '/api/operations/consumers'),
    replayConsumer: (durable: string) =>
      json<ConsumerReplay>('POST', `/api/operations/consumers/${at(durable)}/replay`, {}),
    /** With the server's time, as it says it. */
    doctor: async () => {
      const { body: report, headers } = await answer<DoctorReport>('GET', '/api/operations/doctor');
      return { report, date: headers.get('date') };
    },
    /** An open stream of server-sent events. */
    openEvents: (path: string, lastEventId: string | undefined, signal: AbortSignal) =>
      send(path, {
        headers: {
          accept: 'text/event-stream',
          'cache-control': 'no-store',
          ...(lastEventId !== undefined && { 'last-event-id': lastEventId }),
        },
        signal,
      }),
  };
}

/** Whose events start a pipeline, what its scheduled runs clone, and who signed it. */
export type Origin = Pick<PutPipeline, 'repository' | 'clone_url' | 'signature'>;

/** Files that the definition names, by their paths. */
type Files = Record<string, string>;

function withFiles(definition: string, files: Files = {}): PutPipeline {
  return { definition, ...(Object.keys(files).length > 0 && { files }) };
}

function queryString(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, `${value}`] as [string, string]],
  );
  return pairs.length > 0 ? `?${new URLSearchParams(pairs).toString()}` : '';
}

async function refusal(response: Response, url: string, hadToken: boolean): Promise<Error> {
  const { status } = response;
  const problem = (await response.json().catch(() => ({}))) as Partial<Problem> & { errors?: FieldError[] };
  const detail = problem.detail ?? `${url} answered ${status} ${response.statusText}`.trim();
  if (status === 401) {
    const remedy = hadToken
      ? 'the token is not valid there, or not any more (`hybrid login` gets a new one)'
      : 'no token was given: sign in with `hybrid login`, set HYBRID_TOKEN, or --token-file to the admin-token file of its data directory';
    return new RefusedError(
      status,
      problem.code ?? 'unauthenticated',
      `not signed in at ${url}: ${remedy}`,
      [],
    );
  }
  if (status === 429 || status >= 500) return new UnreachableError(detail);
  return new RefusedError(status, problem.code ?? 'refused', detail, problem.errors ?? []);
}

const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** fetch says "fetch failed" and keeps the cause to itself. */
function reason(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string; errors?: { code?: string }[] } })
    .cause;
  const code = cause?.code ?? cause?.errors?.[0]?.code;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code && UNKNOWN_AUTHORITY.has(code))
    return `${code}: its certificate is of an authority that is not known here: set NODE_EXTRA_CA_CERTS to the authority's file`;
  return code ?? cause?.message ?? (error as Error).message;
}
