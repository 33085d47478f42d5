import type { RunView } from '@hybrid/contracts';
import { eventually, seededRandom } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { checkJobLog, readJobLog } from './job-log.js';
import { insist, startLoad } from './queue-load.js';
import { expectSoundLog } from './sound-log.js';
import { startSystem, type System } from './system.js';

const SERVICES = [
  'queue',
  'agents',
  'pipelines',
  'registry',
  'identity',
  'deployments',
  'routing',
  'gateway',
];
const REPLICAS = 3;
const KILLING_MS = 25_000;
/** Side by side; each waits until what it killed serves again. */
const KILLERS = 2;
/** Between two kills of one killer, at most. */
const BREATH_MS = 1_500;
/** One lease and one sweep, for jobs whose claim was answered to nobody; and the work that is left. */
const REST_MS = 120_000;
const RUNS = 5;

const definition = `
name: in-storm
steps:
  - name: first
    type: step.shell_exec
    matrix: { n: [1, 2] }
    config:
      commands: ['sleep 1', 'echo "{{.Matrix.n}}" > out-{{.Matrix.n}}']
      artifacts_out: [{ key: 'out-{{.Matrix.n}}', path: 'out-{{.Matrix.n}}' }]
  - name: second
    type: step.shell_exec
    needs: [first]
    config:
      artifacts_in: [{ key: out-1, dest: in-1 }, { key: out-2, dest: in-2 }]
      commands: ['cat in-1 in-2']
`;

describe(`${REPLICAS} replicas of every service, each of them killed with SIGKILL under load`, () => {
  let system: System;
  const random = seededRandom();

  beforeAll(async () => {
    const replicas = Object.fromEntries(SERVICES.map((service) => [service, REPLICAS]));
    system = await startSystem({ separate: true, replicas });
    await Promise.all(['agent-1', 'agent-2'].map((name) => system.startAgent(name)));
    await system.admin('PUT /api/pipelines/in-storm', { json: { definition } });
  });
  afterAll(() => system?.stop());

  it('no acknowledged command is lost, no attempt has two holders, and everything ends', async () => {
    const load = await startLoad(system, { enqueuers: 3, agents: 6, pools: ['one', 'two', 'three'], random });
    const until = performance.now() + KILLING_MS;
    const killing = Array.from({ length: KILLERS }, (_, killer) => keepKilling(victims(killer), until));
    const [kills] = await Promise.all([Promise.all(killing), keepRunning(until)]);
    await load.stopEnqueuing();
    const { acknowledged } = load;
    const { eventStore } = system.platform.connections;
    await eventually(async () => {
      expect(checkJobLog(await readJobLog(eventStore)).live).toEqual([]);
    }, REST_MS);
    await load.stop();
    process.stderr.write(
      `${kills.join(' + ')} kills; acknowledged: ${acknowledged.enqueued.length} jobs, ${acknowledged.completed.length} results, ${acknowledged.cancelled.length} cancellations\n`,
    );
    await expectSoundLog(system, acknowledged);
  });

  /** Every replica stands in one killer's list, in an order of chance. */
  function victims(killer: number): string[] {
    const names = SERVICES.flatMap((service) =>
      Array.from({ length: REPLICAS }, (_, index) => `${service}-${index + 1}`),
    );
    return names
      .filter((_, index) => index % KILLERS === killer)
      .map((name) => ({ name, order: random() }))
      .sort((a, b) => a.order - b.order)
      .map(({ name }) => name);
  }

  /** Each once at least, and on until the time is over; answers how many it killed. */
  async function keepKilling(names: string[], until: number): Promise<number> {
    let killed = 0;
    while (killed < names.length || performance.now() < until) {
      await pause(random() * BREATH_MS);
      await system.part(names[killed % names.length]!).killAndRestart();
      killed++;
    }
    return killed;
  }

  /** Pipelines meanwhile, whose steps need every service. */
  async function keepRunning(until: number): Promise<void> {
    const admin = { token: system.adminToken };
    const runs: string[] = [];
    for (let n = 0; n < RUNS; n++) {
      const headers = { 'idempotency-key': randomUUID() };
      const start = 'POST /api/pipelines/in-storm/runs';
      const { body } = await insist<RunView>(system.url, start, { ...admin, headers, json: {} }, [201]);
      runs.push(body.id);
      await pause(Math.max(0, until - performance.now()) / (RUNS - n));
    }
    for (const id of runs)
      await eventually(async () => {
        const { body } = await insist<RunView>(system.url, `GET /api/runs/${id}`, admin, [200]);
        expect(body.status).toBe('SUCCEEDED');
      }, REST_MS);
  }
});
