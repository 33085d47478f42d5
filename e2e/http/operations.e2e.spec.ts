import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ProjectionView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { startSystem, type System } from '../system.js';
import { jobOf } from './client.js';

interface Projections {
  projections: ProjectionView[];
  services: Record<string, string>;
}

describe('read models, operated', () => {
  let system: System;

  beforeAll(async () => {
    // Two queues: a rebuild is asked of either, and only one of them projects.
    system = await startSystem({ separate: true });
  });
  afterAll(() => system?.stop());

  const list = async () => (await system.admin<Projections>('GET /api/operations/projections')).body;
  const find = async (service: string, name: string) =>
    (await list()).projections.find((one) => one.service === service && one.name === name);
  const jobs = async () => (await system.admin<{ total: number }>('GET /api/queue/jobs')).body.total;

  it('are listed, those of every service', async () => {
    await eventually(async () => {
      const { projections, services } = await list();
      expect(services).toEqual({
        queue: 'answered',
        pipelines: 'answered',
        agents: 'answered',
        registry: 'answered',
        deployments: 'answered',
        identity: 'answered',
        routing: 'answered',
      });
      expect(projections.map(({ service, name, status }) => `${service}.${name} ${status}`).sort()).toEqual([
        'agents.agents LIVE',
        'agents.pools LIVE',
        'deployments.deployments LIVE',
        'identity.join_tokens LIVE',
        'identity.keys LIVE',
        'identity.organisations LIVE',
        'identity.people LIVE',
        'identity.trust_rules LIVE',
        'pipelines.pipelines LIVE',
        'pipelines.run_tests LIVE',
        'pipelines.runs LIVE',
        'pipelines.triggers LIVE',
        'queue.jobs LIVE',
        'registry.artifacts LIVE',
        'routing.connections LIVE',
        'routing.deliveries LIVE',
        'routing.relays LIVE',
      ]);
    });
  });

  it('are rebuilt by the command line while jobs come in, and no list is ever short', async () => {
    for (let n = 0; n < 30; n++) await system.admin('POST /api/queue/jobs', { json: jobOf(`before-${n}`) });
    await eventually(async () => expect(await jobs()).toBe(30));
    let enqueued = 30;
    let rebuilding = true;
    const totals: number[] = [];
    const writer = (async () => {
      while (rebuilding) {
        await system.admin('POST /api/queue/jobs', { json: jobOf(`during-${enqueued}`) });
        enqueued++;
      }
    })();
    const reader = (async () => {
      while (rebuilding) totals.push(await jobs());
    })();
    const { code, stdout, stderr } = await system.cli('projection', 'rebuild', 'queue.jobs');
    rebuilding = false;
    await Promise.all([writer, reader]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/100 %\n$/) });
    expect(stdout).toMatch(/^queue\.jobs rebuilt from \d+ events; 0 parked\n$/);
    expect(totals).toEqual([...totals].sort((a, b) => a - b));
    await eventually(async () => expect(await jobs()).toBe(enqueued));
    expect((await find('queue', 'jobs'))?.rebuild).toMatchObject({ status: 'DONE' });
  });

  it('are rebuilt and replayed over HTTP, and unknown ones are not', async () => {
    const rebuilt = await system.admin('POST /api/operations/projections/pipelines/runs/rebuild');
    expect(rebuilt).toMatchObject({
      status: 202,
      body: {
        service: 'pipelines',
        name: 'runs',
        rebuild: { status: expect.stringMatching(/RUNNING|DONE/) },
      },
    });
    const replayed = await system.admin('POST /api/operations/projections/queue/jobs/replay');
    expect(replayed).toMatchObject({ status: 200, body: { replayed_events: 0, parked_events: 0 } });
    const unknown = await system.admin('POST /api/operations/projections/queue/none/rebuild');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'projection_unknown' } });
    const nobody = await system.admin('POST /api/operations/projections/nobody/jobs/replay');
    expect(nobody).toMatchObject({ status: 404, body: { code: 'service_unknown' } });
  });

  it('of a service that does not answer are shown as such', async () => {
    await system.processes.get('registry')!.process.kill();
    await eventually(async () => expect((await list()).services['registry']).toBe('unreachable'));
    await eventually(async () => {
      const { code, stdout, stderr } = await system.cli('projection', 'list');
      expect({ code, stderr }).toEqual({ code: 3, stderr: 'registry: unreachable\n' });
      expect(stdout).toMatch(/^queue\.jobs +LIVE +\d+ +\d+ +none +0 +done$/m);
    });
  });
});
