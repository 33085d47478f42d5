import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_ORG, partitionClaim, type JobView } from '@hybrid/contracts';
import { bundleOf, startProcess } from '@hybrid/servers';
import { join } from 'node:path';
import { startSystem, type System } from '../system.js';
import { ask, jobOf, nextMessage } from './client.js';
import { openEvents } from './event-stream.js';

/** The promise is two seconds, and the machine may be busy; the claims would wait 40 s. Then it is killed. */
const LIMIT_MS = 25_000;

describe('a stop', () => {
  let system: System;

  beforeAll(async () => {
    system = await startSystem();
  });
  afterAll(() => system?.stop());

  it('of a gateway that stands alone ends soon, with every open stream and claim', async () => {
    const agent = await system.handAgent('stop');
    const { body: job } = await system.admin<JobView>('POST /api/queue/jobs', {
      json: jobOf('tailed', 'tailed'),
    });
    const gateway = await startProcess({
      name: 'gateway',
      command: process.execPath,
      args: [bundleOf('gateway')],
      env: {
        ...process.env,
        ...system.platform.settings,
        HYBRID_HOST: '127.0.0.1',
        HYBRID_PORT: '0',
        HYBRID_ADMIN_TOKEN: system.adminToken,
        HYBRID_JOIN_TOKEN: system.joinToken,
        HYBRID_KEYS_FILE: join(system.platform.directory, 'keys'),
      },
    });
    const url = `http://127.0.0.1:${Number((await gateway.ready)['port'])}`;
    const asked = await nextMessage(system.platform, partitionClaim(DEFAULT_ORG, 'stop').subject);
    const claim = ask(url, 'POST /api/queue/claim', {
      token: agent.token,
      json: { agent_id: agent.id, wait_seconds: 40 },
    });
    const streams = await Promise.all(
      ['/api/dashboard/events', `/api/queue/jobs/${job.id}/logs`].map((path) =>
        openEvents(url + path, system.adminToken),
      ),
    );
    const ends = streams.map(async (stream) => {
      for await (const event of stream) throw new Error(`unexpected: ${event.event}`);
      return 'ended';
    });
    await asked.seen;
    expect({ ...(await gateway.stop('SIGTERM', LIMIT_MS)), said: gateway.tail().slice(1) }).toEqual({
      code: 0,
      signal: null,
      said: [],
    });
    expect(await Promise.all(ends)).toEqual(['ended', 'ended']);
    expect(await claim).toMatchObject({ status: 404, body: { code: 'no_jobs_available' } });
  });

  it('of standalone too', async () => {
    const agent = await system.handAgent('stop');
    const asked = await nextMessage(system.platform, partitionClaim(DEFAULT_ORG, 'stop').subject);
    const claim = agent.claim(40);
    const stream = await openEvents(`${system.url}/api/dashboard/events`, system.adminToken);
    await asked.seen;
    const { process } = system.part('standalone');
    expect(await process.stop('SIGTERM', LIMIT_MS)).toEqual({ code: 0, signal: null });
    expect(await claim).toMatchObject({ status: 404, body: { code: 'no_jobs_available' } });
    for await (const event of stream) expect(event).toBeUndefined();
  });
});
