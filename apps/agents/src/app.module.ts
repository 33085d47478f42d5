import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { AgentListQueries } from './agents/agent-list.queries.js';
import { AgentController } from './agents/agent.controller.js';
import { Agents } from './agents/agents.js';
import { Heartbeats } from './agents/heartbeats.js';
import { SilentAgents } from './agents/silent-agents.process.js';

@Module({
  controllers: [projectionOperations('agents'), AgentController],
  providers: [Heartbeats, Agents, AgentListQueries, SilentAgents],
})
export class AgentsModule {}
