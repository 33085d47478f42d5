import type { AgentChanged, AgentStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { agentEvents, type AgentEvent } from './agent.events.js';

/** Changes of agents for the dashboard, and for the loss of agents; never of their keys. */
export const agentPublisher: Publisher<AgentEvent> = {
  service: 'agents',
  prefixes: ['agent-'],
  events: agentEvents,
  publish: ({ event, thingId }) => {
    const seen = see(event);
    if (!seen) return null;
    const [name, status] = seen;
    const data: AgentChanged = { agent_id: thingId, status };
    return { noun: 'agent', event: name, type: 'AgentChanged', data };
  },
};

function see(event: AgentEvent): [name: string, status: AgentStatus] | null {
  switch (event.type) {
    case 'AgentRegistered.v2':
      return ['registered', 'HEALTHY'];
    case 'AgentHealthChanged':
      return ['health-changed', event.data.status];
    case 'AgentDrainStarted':
      return ['drain-started', 'DRAINING'];
    case 'AgentResumed':
      return ['resumed', 'HEALTHY'];
    case 'AgentStopped':
      return ['stopped', 'OFFLINE'];
    case 'AgentDeregistered':
      return ['deregistered', 'OFFLINE'];
    case 'AgentCredentialReplaced':
    case 'AgentKeyRotationAsked':
    case 'AgentKeyRotated':
      return null;
  }
}
