import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { eventually, seededRandom } from '@hybrid/testing';
import type { ClaimedJob } from '@hybrid/contracts';
import { FakeGateway } from '../test/fake-gateway.js';
import { Bell } from './bell.js';
import { Claims } from './claims.js';
import { GatewayClient } from './gateway-client.js';

const step = { id: 'a', name: 'a', type: 'step.shell_exec', config: {} };

describe('claims', () => {
  let gateway: FakeGateway;
  const stop = { now: new AbortController() };
  beforeEach(async () => {
    stop.now = new AbortController();
    gateway = new FakeGateway();
    await gateway.start();
  });
  afterEach(async () => {
    stop.now.abort();
    await gateway.stop();
  });

  function agent({ capacity, jobs = Infinity }: { capacity: number; jobs?: number }) {
    const notices: string[] = [];
    const client = new GatewayClient(gateway.url, (text) => notices.push(text));
    client.token = gateway.credentialFor('agent-1');
    const running = new Set<string>();
    const taken: ClaimedJob[] = [];
    const freed = new Bell();
    /** Most jobs at a time. */
    let most = 0;
    const claims = new Claims({
      gateway: client,
      claimant: { agent_id: 'agent-1', pool: 'default', labels: {}, capabilities: [] },
      capacity,
      jobs,
      taken: () => running.size,
      freed,
      take: (job) => {
        taken.push(job);
        running.add(job.id);
        most = Math.max(most, running.size);
      },
      refused: () => undefined,
      notify: (text) => notices.push(text),
    });
    const end = (id: string) => {
      running.delete(id);
      freed.ring();
    };
    return { claims, taken, running, end, most: () => most };
  }

  it('take what there is, as many at a time as there are places, and as many in all as told', async () => {
    const random = seededRandom();
    for (let round = 0; round < 5; round++) {
      const capacity = 1 + Math.floor(random() * 4);
      const jobs = capacity + Math.floor(random() * 20);
      const one = agent({ capacity, jobs });
      const offered = Array.from({ length: jobs + 2 }, () => gateway.offer({ step }).job.id);
      const asked = gateway.counts.length;
      one.claims.hold(false);
      const run = one.claims.run(stop.now.signal);
      let over = false;
      void run.then(() => (over = true));
      await eventually(() => {
        for (const id of [...one.running]) if (random() < 0.7) one.end(id);
        expect(over).toBe(true);
      });
      expect(one.taken.map(({ id }) => id).sort()).toEqual(offered.slice(0, jobs).sort());
      expect(one.most()).toBeLessThanOrEqual(capacity);
      expect(gateway.counts[asked]).toBe(capacity);
      // The two that are left would come first in the next round.
      const next = agent({ capacity: 2, jobs: 2 });
      next.claims.hold(false);
      await next.claims.run(stop.now.signal);
      expect(next.taken.map(({ id }) => id)).toEqual(offered.slice(jobs));
    }
  });

  it('ask for each place that gets free while another poll is open', async () => {
    const one = agent({ capacity: 3 });
    const [first] = [gateway.offer({ step }), gateway.offer({ step })];
    one.claims.hold(false);
    const run = one.claims.run(stop.now.signal);
    await eventually(() => expect(gateway.waitingClaims).toBe(1));
    expect([gateway.counts, one.running.size]).toEqual([[3, 1], 2]);
    one.end(first.job.id);
    await eventually(() => expect(gateway.waitingClaims).toBe(2));
    expect(gateway.counts).toEqual([3, 1, 1]);
    stop.now.abort();
    await run;
  });

  it('are given up while held, also those that wait', async () => {
    const one = agent({ capacity: 2 });
    const run = one.claims.run(stop.now.signal);
    one.claims.hold(false);
    await eventually(() => expect(gateway.waitingClaims).toBe(1));
    one.claims.hold(true);
    await eventually(() => expect(gateway.waitingClaims).toBe(0));
    const { job } = gateway.offer({ step });
    one.end('nothing');
    expect(gateway.counts).toEqual([2]);
    one.claims.hold(false);
    await eventually(() => expect(one.taken.map(({ id }) => id)).toEqual([job.id]));
    stop.now.abort();
    await run;
  });
});
