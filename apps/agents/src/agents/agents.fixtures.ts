/** Real servers, replicas of the agents service, and in place of the queue service one that answers as a spec says. */
import {
  agentsRequests,
  queueRequests,
  type AgentStatus,
  type CallContext,
  type Heartbeat,
  type QueuePool,
  type RegisterAgentCommand,
  type Request,
} from '@hybrid/contracts';
import { callBy, startPlatform, type Platform } from '@hybrid/test-platform';
import { eventually } from '@hybrid/testing';
import { expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { AgentsModule } from '../app.module.js';
import type { AgentEvent } from './agent.events.js';

export const figures = {
  cpu_percent: 12.5,
  memory_percent: 30,
  disk_percent: 40,
  jobs_queued: 0,
  jobs_completed: 7,
  uptime_seconds: 60,
};

const JOINED_BY = { kind: 'installation', id: 'join-token' } as const;

export interface FakeQueue {
  renewals: unknown[];
  /** Agents whose jobs it was told to hand back, with the reason. */
  losses: { agent_id: string; reason: string }[];
  /** Whoever asks from now on gets no answer. */
  stop(): Promise<void>;
}

export class AgentsBench {
  readonly user = callBy('user', 'someone');

  private constructor(readonly platform: Platform) {}

  /** @param env settings of the service, for this process. */
  static async start(env: Record<string, string> = {}): Promise<AgentsBench> {
    Object.assign(process.env, env);
    return new AgentsBench(await startPlatform());
  }

  /** Starts a replica; answers how to stop it. */
  replica(): Promise<() => Promise<void>> {
    return this.platform.serve(AgentsModule);
  }

  stop(): Promise<void> {
    return this.platform.stop();
  }

  readonly send = <I, O>(request: Request<I, O>, input: I, call: CallContext = this.user) =>
    this.platform.connections.requests.send(request, input, call);

  register(more: Partial<RegisterAgentCommand> = {}, call = this.user) {
    const agent_id = more.agent_id ?? randomUUID();
    const asked = { name: 'builder', key: { kid: 'k1' }, joined_by: JOINED_BY, ...more, agent_id };
    return this.send(agentsRequests.register, asked, call);
  }

  beat(agent_id: string, more: Partial<Heartbeat> = {}, call = this.user) {
    return this.send(agentsRequests.heartbeat, { ...figures, ...more, agent_id }, call);
  }

  get(agent_id: string) {
    return this.send(agentsRequests.get, { agent_id });
  }

  setStatus(agent_id: string, status: 'HEALTHY' | 'DRAINING' | 'OFFLINE') {
    return this.send(agentsRequests.setStatus, { agent_id, status });
  }

  async becomes(agent_id: string, status: AgentStatus): Promise<void> {
    await eventually(async () => expect((await this.get(agent_id)).status).toBe(status));
  }

  /** Of the agent's stream; a change of health by its status. */
  async historyOf(id: string): Promise<string[]> {
    const events: string[] = [];
    for await (const { event } of this.platform.connections.eventStore.readStream(`agent-${id}`)) {
      const { type, data } = event as unknown as AgentEvent;
      events.push(type === 'AgentHealthChanged' ? data.status : type);
    }
    return events;
  }

  /** @param lost what a renewal answers. */
  async queue({ lost = [] as string[], pools = [] as QueuePool[] } = {}): Promise<FakeQueue> {
    const { nats } = this.platform.connections;
    const queue: FakeQueue = {
      renewals: [],
      losses: [],
      async stop() {
        subscriptions.forEach((one) => one.unsubscribe());
        await nats.flush();
      },
    };
    const answer = <I, O>({ subject }: Request<I, O>, reply: (input: I) => O) =>
      nats.subscribe(subject, {
        queue: 'queue',
        callback: (_, message) => void message.respond(JSON.stringify(reply(message.json<I>()))),
      });
    const subscriptions = [
      answer(queueRequests.renew, (input) => {
        queue.renewals.push(input);
        return { lost };
      }),
      answer(queueRequests.loseAgent, (input) => {
        queue.losses.push(input);
        return { requeued: 1 };
      }),
      answer(queueRequests.pools, () => ({ pools })),
      answer(queueRequests.pool, ({ pool }) => pools.find((one) => one.pool === pool)!),
    ];
    await nats.flush();
    return queue;
  }
}
