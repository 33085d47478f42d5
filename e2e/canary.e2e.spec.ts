/**
 * What is to stay with the customer stays there. A secret is planted in everything that the customer has, a whole run
 * goes through the real system, begun by hand and by a webhook, and then every byte that the control plane keeps or
 * emits is searched for it. Other marks, which cross lawfully, must be found in the same places by the same search.
 */
import type { AgentView, RunView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startCustomer, type Customer } from './canary/customer.js';
import { everythingKept, type Kept } from './canary/kept.js';
import { Mark } from './canary/mark.js';
import { startOtlpSink, type OtlpSink } from './canary/otlp-sink.js';
import { queueSettings, sendWebhooks, type Crossed } from './canary/relay.js';
import { openEvents } from './http/event-stream.js';
import { startSystem, type System } from './system.js';

/** Stays with the customer. */
const canary = new Mark();
/** Crosses, as a name and as output. */
const control = new Mark();
/** Crosses in a webhook. */
const crossing = new Mark();

const PIPELINE = 'canary';
const definition = `
name: ${PIPELINE}
steps:
  - name: leak
    type: step.shell_exec
    env: { VAULT: '{{.Secrets.VAULT}}', FILE: '{{.Secrets.FILE}}', ENV: '{{.Secrets.ENV}}' }
    dynamic: true
    test_reports: 'reports/*.xml'
    cache: { key: "c-{{hashFiles 'secret-source.ts'}}", paths: [cached] }
    config:
      commands: [sh leak.sh, 'echo "lawful ${control.text}"', 'echo "lawful=${control.text}" >> "$HYBRID_OUTPUT"']
      artifacts_out: [{ key: dist, path: dist }]
  - name: break-${control.text}
    type: step.shell_exec
    env: { VAULT: '{{.Secrets.VAULT}}' }
    continue_on_error: true
    config: { commands: ['echo "fatal: $VAULT" >&2', 'exit 3'] }
  - name: scan
    type: step.scan_sast
    needs: [leak]
    config: { scanner: own, command: [cat, findings.sarif], fail_on_severity: high, artifact_key: sarif }
  - name: silent
    type: step.shell_exec
    pool: private
    config: { commands: ['cat secret-source.ts', 'ls', 'git log'] }
`;

const PUSHED = 'pushed';
const startedByPush = `
name: ${PUSHED}
on: { manual: { inputs: { branch: { type: string, required: true } } } }
steps:
  - name: deliver
    type: step.shell_exec
    env: { VAULT: '{{.Secrets.VAULT}}', BRANCH: '{{.Inputs.branch}}' }
    config: { commands: ['echo "$BRANCH: $VAULT"'] }
`;

describe('what stays with the customer', () => {
  let folder: string;
  let sink: OtlpSink;
  let system: System;
  let customer: Customer;
  let crossed: Crossed;
  let told = '';
  const kept: Kept[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hybrid-canary-'));
    const theirs = join(folder, 'customer');
    [sink, customer] = await Promise.all([startOtlpSink(), startCustomer(theirs, canary)]);
    system = await startSystem({ separate: true, env: { ...sink.env, ...queueSettings(theirs) } });
    await system.startAgent('agent-1', customer.agent);
    await system.startAgent('agent-2', customer.silentAgent);
    const events = await openEvents(`${system.url}/api/dashboard/events`, system.adminToken);
    const listening = (async () => {
      for await (const event of events) told += JSON.stringify(event);
    })().catch(() => undefined);

    await plant(system);
    const byHand = await runPipeline(system, customer);
    await put(system, PUSHED, startedByPush);
    crossed = await sendWebhooks({ system, folder: theirs, canary, crossing, pipeline: PUSHED });
    const runs = [byHand, await runOf(system, crossed)];
    await eventually(() => {
      for (const { id } of runs) expect(told).toContain(`{"run_id":"${id}","status":"SUCCEEDED"}`);
    });
    // Of the run's last second.
    const sent = sink.received('metrics').length;
    await eventually(() => expect(sink.received('metrics').length).toBeGreaterThan(sent));
    await eventually(() => expect(sink.received('traces').toString()).toContain('step silent'));

    for await (const one of everythingKept(system, await namesIn(system, runs, crossed))) kept.push(one);
    for (const signal of ['traces', 'metrics'])
      kept.push({ place: signal, where: 'OTLP', bytes: sink.received(signal) });
    kept.push({ place: 'server-sent events', where: 'dashboard', bytes: Buffer.from(told) });
    events.close();
    await listening;
  });
  afterAll(async () => {
    await system?.stop();
    customer?.stop();
    await sink?.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is nowhere else, in no form', () => {
    const leaks = kept.flatMap(({ place, where, bytes }) =>
      canary.in(bytes).map(({ form, around }) => `${place}, ${where}, ${form}: ${around}`),
    );
    expect(leaks).toEqual([]);
  });

  it('and with it what the relay made for itself', () => {
    const leaks = kept.flatMap(({ place, where, bytes }) =>
      crossed.secrets.flatMap(([name, mark]) =>
        mark.in(bytes).map(({ form }) => `${name}: ${place}, ${where}, ${form}`),
      ),
    );
    expect(leaks).toEqual([]);
  });

  it.each([
    'events',
    'JetStream',
    'PostgreSQL',
    'answers',
    'server-sent events',
    'traces',
    'files of event-store',
    'files of nats',
    'files of postgres',
    'files of artifacts',
  ])('would have been found in: %s', (place) => {
    expect(kept.filter((one) => one.place === place && control.in(one.bytes).length > 0)).not.toEqual([]);
  });

  it.each(['events', 'PostgreSQL', 'answers', 'files of event-store', 'files of postgres'])(
    'would have been found, had it come with a webhook, in: %s',
    (place) => {
      expect(kept.filter((one) => one.place === place && crossing.in(one.bytes).length > 0)).not.toEqual([]);
    },
  );

  it('would have been found in what processes write and measure: something is there', () => {
    const logs = kept.filter(({ place }) => place === 'logs').map(({ bytes }) => bytes.toString());
    expect(logs.filter((log) => log.includes('"ready":true'))).toHaveLength(system.processes.size);
    expect(sink.received('metrics').toString()).toContain('resourceMetrics');
    const metrics = kept.filter(({ where }) => where === 'GET /metrics');
    expect(Buffer.concat(metrics.map(({ bytes }) => bytes)).toString()).toContain('# TYPE');
  });
});

/** What comes in beside the run. The customer's own things hold their secrets already. */
async function plant(system: System): Promise<void> {
  await sendWhatIsRefused(system);
  await storeControl(system);
}

/** Secrets where nobody should send them: refused or ignored, and forgotten. */
async function sendWhatIsRefused(system: System): Promise<void> {
  const headers = {
    'x-secret': canary.value('header'),
    baggage: `secret=${canary.value('baggage')}`,
    tracestate: `secret=${canary.value('tracestate')}`,
    cookie: `secret=${canary.value('cookie')}`,
    'user-agent': canary.value('useragent'),
    referer: `https://example.com/${canary.value('referer')}`,
  };
  expect((await system.admin('GET /api/runs', { headers })).status).toBe(200);
  expect((await system.admin(`GET /api/runs?token=${canary.value('query')}`)).status).toBe(422);
  const extra = { definition, more: canary.value('field') };
  expect((await system.admin('POST /api/pipelines', { json: extra })).status).toBe(422);
  const wrong = { definition: `name: ${canary.value('definition')}\nsteps: ${canary.value('steps')}` };
  expect((await system.admin('POST /api/pipelines', { json: wrong })).status).toBe(422);
  const stranger = { token: canary.value('authorization') };
  expect((await system.admin('GET /api/runs', stranger)).status).toBe(401);
}

/** An artifact that somebody wants to have in the control plane's own store. */
async function storeControl(system: System): Promise<void> {
  const body = Buffer.from(`lawful ${control.text}`);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const headers = { 'x-content-sha256': sha256, 'content-type': 'text/plain' };
  const { status } = await system.admin('PUT /api/artifacts/by-hand/lawful', { body, headers });
  expect(status).toBe(200);
}

async function put(system: System, pipeline: string, text: string): Promise<void> {
  const { status, body } = await system.admin(`PUT /api/pipelines/${pipeline}`, {
    json: { definition: text },
  });
  expect([status, body]).toEqual([200, expect.anything()]);
}

async function runPipeline(system: System, { source }: Customer): Promise<RunView> {
  await put(system, PIPELINE, definition);
  const started = await system.admin<RunView>(`POST /api/pipelines/${PIPELINE}/runs`, { json: { source } });
  expect(started.status).toBe(201);
  return eventually(async () => {
    const { body } = await system.admin<RunView>(`GET /api/runs/${started.body.id}`);
    expect(body.completed_at).not.toBeNull();
    expect(body.steps.map(({ id, status }) => `${id} ${status}`)).toEqual([
      'leak SUCCEEDED',
      `break-${control.text} FAILED`,
      'scan SUCCEEDED',
      'silent SUCCEEDED',
      'appended SUCCEEDED',
    ]);
    return body;
  }, 240_000);
}

/** Of the push. */
async function runOf(system: System, { deliveries }: Crossed): Promise<RunView> {
  const [run] = deliveries.flatMap(({ decisions }) => decisions.flatMap(({ runs }) => runs));
  return eventually(async () => {
    const { body } = await system.admin<RunView>(`GET /api/runs/${run?.run_id}`);
    expect(body).toMatchObject({ status: 'SUCCEEDED', steps: [{ id: 'deliver', status: 'SUCCEEDED' }] });
    return body;
  });
}

/** Everything that routes can be asked for by name. */
async function namesIn(
  system: System,
  runs: RunView[],
  { deliveries, relay, connections }: Crossed,
): Promise<Record<string, string[]>> {
  const { body } = await system.admin<{ agents: AgentView[] }>('GET /api/agents');
  const ids = runs.map(({ id }) => id);
  const steps = runs.flatMap((run) => run.steps);
  return {
    pipeline_id: [PIPELINE, PUSHED],
    run_id: ids,
    step_id: steps.map(({ id }) => id),
    job_id: steps.map(({ job_id }) => job_id!),
    delivery_id: deliveries.map(({ delivery_id }) => delivery_id),
    relay_id: [relay.relay_id],
    connection: connections,
    agent_id: body.agents.map(({ agent_id }) => agent_id),
    pool_name: ['default', 'private'],
    execution_id: [...ids, 'by-hand'],
    key: ['dist', 'sarif', 'lawful'],
  };
}
