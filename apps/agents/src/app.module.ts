import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { AgentIndex } from './agents/agent-index.js';
import { AgentListQueries } from './agents/agent-list.queries.js';
import { AgentController } from './agents/agent.controller.js';
import { Agents } from './agents/agents.js';
import { Heartbeats } from './agents/heartbeats.js';
import { LostAgents } from './agents/lost-agents.process.js';
import { SilentAgents } from './agents/silent-agents.process.js';
import { AgentsSettings, readAgentsSettings } from './agents.settings.js';
import { PoolMetrics } from './pools/pool-metrics.js';
import { PoolController } from './pools/pool.controller.js';
import { Pools } from './pools/pools.js';

@Module({
  controllers: [projectionOperations('agents'), AgentController, LostAgents, PoolController],
  providers: [
    { provide: AgentsSettings, useFactory: () => readAgentsSettings() },
    AgentIndex,
    Heartbeats,
    Agents,
    AgentListQueries,
    SilentAgents,
    Pools,
    PoolMetrics,
  ],
})
export class AgentsModule {}
