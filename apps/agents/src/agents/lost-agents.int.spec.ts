import { agentsRequests } from '@hybrid/contracts';
import { Things } from '@hybrid/event-store';
import { eventually } from '@hybrid/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { agentDecider } from './agent.decider.js';
import { AgentsBench } from './agents.fixtures.js';

describe('the jobs of a lost agent', () => {
  let bench: AgentsBench;
  let stopReplica: () => Promise<void>;

  beforeAll(async () => {
    bench = await AgentsBench.start({
      HYBRID_AGENT_DEGRADED_SECONDS: '1',
      HYBRID_AGENT_OFFLINE_SECONDS: '2',
      HYBRID_AGENT_DEAD_SECONDS: '5',
    });
    stopReplica = await bench.replica();
  });
  afterAll(() => bench?.stop());

  const deregister = (agent_id: string) => bench.send(agentsRequests.deregister, { agent_id });

  it('are handed back at once when it stops or is deregistered, and when it is dead, but not for mere silence', async () => {
    const queue = await bench.queue();
    const [silent, stopped, gone, drained] = await Promise.all(
      ['silent', 'stopped', 'gone', 'drained'].map(async (name) => (await bench.register({ name })).agent_id),
    );
    await bench.setStatus(drained!, 'DRAINING');
    await bench.setStatus(stopped!, 'OFFLINE');
    await deregister(gone!);
    await eventually(() =>
      expect(queue.losses).toEqual(
        expect.arrayContaining([
          { agent_id: stopped, reason: 'the agent stopped is lost: it stopped in order' },
          { agent_id: gone, reason: 'the agent gone is lost: it was deregistered' },
        ]),
      ),
    );
    await bench.becomes(silent!, 'OFFLINE');
    expect(queue.losses.map(({ agent_id }) => agent_id)).not.toContain(silent);
    await bench.beat(silent!);
    await bench.becomes(silent!, 'DEAD');
    await eventually(() => expect(queue.losses.map(({ agent_id }) => agent_id)).toContain(silent));
    const ofSilent = queue.losses.filter(({ agent_id }) => agent_id === silent);
    expect(ofSilent).toEqual([
      {
        agent_id: silent,
        reason: expect.stringMatching(/^the agent silent is lost: no heartbeat for \d+ s$/) as unknown,
      },
    ]);
    await queue.stop();
  });

  it('are handed back once the queue is there again; not those of an agent that came back meanwhile', async () => {
    const { agent_id } = await bench.register({ name: 'early' });
    const { agent_id: back } = await bench.register({ name: 'back' });
    await bench.setStatus(back, 'OFFLINE');
    await deregister(agent_id);
    const timer = setInterval(() => void bench.beat(back).catch(() => undefined), 500);
    await bench.becomes(back, 'HEALTHY');
    const queue = await bench.queue();
    await eventually(() => expect(queue.losses.map((loss) => loss.agent_id)).toContain(agent_id));
    clearInterval(timer);
    expect(queue.losses.map((loss) => loss.agent_id)).not.toContain(back);
    await queue.stop();
  });

  it('are handed back when this service died right after it had noted the loss', async () => {
    const { agent_id } = await bench.register({ name: 'late' });
    await stopReplica();
    const agents = new Things(bench.platform.connections.eventStore, 'agent', agentDecider);
    await agents.handle(agent_id, { type: 'Deregister', now: new Date().toISOString() }, bench.user);
    const queue = await bench.queue();
    await bench.replica();
    await eventually(() =>
      expect(queue.losses).toContainEqual({
        agent_id,
        reason: 'the agent late is lost: it was deregistered',
      }),
    );
    await queue.stop();
  });
});
