import { deploymentsRequests, queueRequests, type DashboardSummary } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';

@ApiTags('dashboard')
@ApiBearerAuth()
@Controller('api/dashboard/summary')
export class SummaryController {
  constructor(private readonly connections: Connections) {}

  /** Jobs and deployments in figures, as they are now. */
  @Get()
  async summary(@Caller() caller: Caller): Promise<DashboardSummary> {
    const { requests } = this.connections;
    const [jobs, deployments] = await Promise.all([
      requests.send(queueRequests.stats, {}, caller),
      requests.send(deploymentsRequests.figures, {}, caller),
    ]);
    const { queued, running, completed, failed, dead_lettered, cancelled } = jobs;
    return {
      total_jobs: queued + running + completed + failed + dead_lettered + cancelled,
      jobs_running: running,
      jobs_completed: completed,
      jobs_failed: failed + dead_lettered,
      total_deployments: deployments.total,
      deployments_active: deployments.active,
      deployments_staging: deployments.staging,
      deployments_failed: deployments.failed,
    };
  }
}
