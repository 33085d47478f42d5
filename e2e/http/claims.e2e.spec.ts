import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DEFAULT_ORG, partitionClaim, type JobView } from '@hybrid/contracts';
import { startSystem, type System } from '../system.js';
import { jobOf, nextMessage, type HandAgent } from './client.js';

const POOLS = Array.from({ length: 16 }, (_, n) => `pool-${n}`);
/** A slice of the wait at the dead replica, its grace, and the time until the other one serves its pools; twice. */
const AT_MOST_MS = 20_000;

describe('claims at two replicas of the queue', () => {
  let system: System;
  let agents: HandAgent[];

  beforeAll(async () => {
    system = await startSystem({ separate: true });
    agents = await Promise.all(POOLS.map((pool) => system.handAgent(pool)));
  });
  afterAll(() => system?.stop());

  const enqueue = async (pool: string): Promise<string> => {
    const { status, body } = await system.admin<JobView>('POST /api/queue/jobs', {
      json: jobOf(`job-of-${pool}`, pool),
    });
    expect(status).toBe(201);
    return body.id;
  };
  /** A claim of each agent that waits, at whichever replica serves its pool. */
  const claimAll = async () => {
    const asked = await Promise.all(
      POOLS.map((pool) => nextMessage(system.platform, partitionClaim(DEFAULT_ORG, pool).subject)),
    );
    const claims = agents.map((agent) => agent.claim(50));
    await Promise.all(asked.map(({ seen }) => seen));
    return claims;
  };

  it('that wait get their jobs also when one is killed, each job once', async () => {
    const claims = await claimAll();
    await system.processes.get('queue-1')!.process.kill();
    const begun = performance.now();
    const ids = await Promise.all(POOLS.map(enqueue));
    const answers = await Promise.all(claims);
    expect(answers.map(({ status, body }) => [status, body.job?.id, body.job?.attempt])).toEqual(
      ids.map((id) => [200, id, 1]),
    );
    expect(performance.now() - begun).toBeLessThan(AT_MOST_MS);
  });
});
