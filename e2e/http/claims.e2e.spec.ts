import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { JobView } from '@hybrid/contracts';
import { eventually } from '@hybrid/testing';
import { expectWithin } from '../expect-within.js';
import { startSystem, type System } from '../system.js';
import { jobOf, type HandAgent } from './client.js';

const POOLS = Array.from({ length: 16 }, (_, n) => `pool-${n}`);
/** The gateway looks after the replica once a second; a slice of the wait and its grace would be 8 s. */
const AT_MOST_MS = 6_000;

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
    const { nats } = system.platform.connections;
    const taken = new Set<string>();
    // A replica says so of each claim that waits there.
    const replies = nats.subscribe('_INBOX.>', {
      callback: (_, { subject, headers }) => {
        if (headers?.has('Hybrid-Holder')) taken.add(subject);
      },
    });
    await nats.flush();
    const claims = agents.map((agent) => agent.claim(50));
    await eventually(() => expect(taken.size).toBe(POOLS.length));
    // Whoever listens to all is an answer to everything: nobody would be missed.
    replies.unsubscribe();
    await nats.flush();
    return claims;
  };

  it('that wait get their jobs also when one is killed, each job once', async () => {
    let [victim, other] = [system.part('queue-1'), system.part('queue-2')];
    await expectWithin(AT_MOST_MS, async () => {
      const claims = await claimAll();
      await victim.process.kill();
      const begun = performance.now();
      const ids = await Promise.all(POOLS.map(enqueue));
      const answers = await Promise.all(claims);
      const took = performance.now() - begun;
      expect(answers.map(({ status, body }) => [status, body.job?.id, body.job?.attempt])).toEqual(
        ids.map((id) => [200, id, 1]),
      );
      await victim.killAndRestart();
      [victim, other] = [other, victim];
      return took;
    });
  });
});
