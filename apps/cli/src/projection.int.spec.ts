import { fileURLToPath } from 'node:url';
import type { ProjectionView, RebuildView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { FakeGateway } from '../test/fake-gateway.js';
import { cliResult, runCli } from '../test/run-cli.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const TIME = '2026-01-01T00:00:00.000Z';

const rebuildOf = (patch: Partial<RebuildView> = {}): RebuildView => ({
  ...{ id: 'one', status: 'RUNNING', started_at: TIME, ended_at: null, events: 0, progress: 0, error: null },
  ...patch,
});
const jobs = (patch: Partial<ProjectionView> = {}): ProjectionView => ({
  ...{ service: 'queue', name: 'jobs', version: 1, status: 'LIVE', position: '90', head: '100' },
  ...{ lag_events: 2, lag_seconds: 1.5, parked_events: 0, parked: [], rebuild: null },
  ...patch,
});

describe('hybrid projection', () => {
  let gateway: FakeGateway;
  let url: string;
  const start = (...args: string[]) => runCli(['projection', ...args], { url, cwd: root });
  const shows = (projection: ProjectionView, services: Record<string, string> = { queue: 'answered' }) =>
    gateway.answers.set('GET /api/operations/projections', {
      status: 200,
      body: { projections: [projection], total: 1, services },
    });
  const accepts = () =>
    gateway.answers.set('POST /api/operations/projections/queue/jobs/rebuild', {
      status: 202,
      body: { service: 'queue', name: 'jobs', rebuild: rebuildOf() },
    });

  beforeEach(async () => {
    gateway = new FakeGateway([]);
    url = await gateway.listen();
  });
  afterEach(() => gateway.close());

  it('list shows how each one fares, what is parked and who is silent', async () => {
    const parked = {
      ...{ stream: 'job-1', revision: 4, event_id: 'e', reason: 'TypeError at \u001b[2Jevolve' },
      ...{ tries: 5, first_at: TIME, last_at: TIME },
    };
    shows(jobs({ status: 'DEGRADED', parked_events: 3, parked: [parked] }), {
      queue: 'answered',
      agents: 'unreachable',
    });
    const { code, stdout, stderr } = await cliResult(start('list'));
    expect(stdout.split('\n')[1]).toMatch(/^queue\.jobs +DEGRADED +90 +100 +2 events, 1\.5 s +3 +-$/);
    expect(stderr).toBe(
      'queue.jobs: job-1/4 parked after 5 tries: TypeError at evolve\nagents: unreachable\n',
    );
    expect(code).toBe(3);
  });

  it('rebuild shows progress, bears with a server that is away, and ends when the new one is live', async () => {
    accepts();
    shows(jobs({ rebuild: rebuildOf({ events: 500, progress: 0.5 }) }));
    const run = start('rebuild', 'queue.jobs');
    await eventually(() => expect(run.stderr()).toContain('queue.jobs: 500 events, 50 %\n'));
    gateway.away = true;
    await eventually(() => expect(run.stderr()).toContain('connection lost, trying again'));
    shows(jobs({ rebuild: rebuildOf({ status: 'DONE', events: 1000, progress: 1, ended_at: TIME }) }));
    gateway.away = false;
    const { code, stdout } = await cliResult(run);
    expect(stdout).toBe('queue.jobs rebuilt from 1000 events; 0 parked\n');
    expect(code).toBe(0);
  });

  it.each([
    [
      { status: 'FAILED', error: 'the disk is full' } as const,
      'failed: the disk is full; the read model is as it was',
    ],
    [{ status: 'INTERRUPTED' } as const, 'was interrupted, the read model is as it was: ask for it again'],
  ])('rebuild ends with 1 when it is %j', async (patch, said) => {
    accepts();
    shows(jobs({ rebuild: rebuildOf(patch) }));
    const { code, stderr } = await cliResult(start('rebuild', 'queue.jobs'));
    expect(stderr).toContain(`error: the rebuild of queue.jobs ${said}\n`);
    expect(code).toBe(1);
  });

  it('rebuild does not take another one for its own', async () => {
    accepts();
    shows(jobs({ rebuild: rebuildOf({ id: 'other', status: 'DONE' }) }));
    const { code, stderr } = await cliResult(start('rebuild', 'queue.jobs'));
    expect(stderr).toContain('another rebuild has begun');
    expect(code).toBe(1);
  });

  it('replay ends with 1 while events are parked still', async () => {
    const answers = (parked_events: number) =>
      gateway.answers.set('POST /api/operations/projections/queue/jobs/replay', {
        status: 200,
        body: { service: 'queue', name: 'jobs', replayed_events: 2, parked_events },
      });
    answers(1);
    const first = await cliResult(start('replay', 'queue.jobs'));
    expect(first).toMatchObject({ code: 1, stdout: 'queue.jobs: 2 events replayed, 1 parked still\n' });
    answers(0);
    expect((await cliResult(start('replay', 'queue.jobs'))).code).toBe(0);
  });

  it('wants service and name', async () => {
    const { code, stderr } = await cliResult(start('rebuild', 'jobs'));
    expect(stderr).toContain('error: "jobs" is not of the form service.name, such as queue.jobs\n');
    expect(code).toBe(2);
  });
});
