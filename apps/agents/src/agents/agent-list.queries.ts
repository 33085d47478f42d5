import type { AgentView, CallContext, ListAgents, Page } from '@hybrid/contracts';
import { listPage } from '@hybrid/event-store';
import { Connections } from '@hybrid/service';
import { Injectable } from '@nestjs/common';
import type { AgentState } from './agent.decider.js';
import { agentList } from './agent-list.projection.js';
import { agentView, type LastHeartbeat } from './agent.view.js';

interface AgentRow extends LastHeartbeat {
  id: string;
  created_at: Date;
  state: AgentState;
}

@Injectable()
export class AgentListQueries {
  constructor(private readonly connections: Connections) {}

  /** Deregistered agents are not listed. */
  list(query: ListAgents, call: CallContext): Promise<Page<AgentView>> {
    return listPage<AgentRow, AgentView>({
      from: this.connections.readModel(agentList),
      table: 'agents.agents left join agents.heartbeats using (id, org)',
      call,
      query,
      where: { status: query.status, pool: query.pool, deregistered: 'no' },
      view: (row) => agentView(row.state, row),
    });
  }
}
