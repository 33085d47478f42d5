import { pipelinesRequests, problem, queueRequests, type RunProof } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, Headers, Param } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { readAttempt } from '../queue/attempt-headers.js';

@ApiTags('pipelines')
@ApiBearerAuth()
@Controller('api/runs')
export class ProofController {
  constructor(private readonly connections: Connections) {}

  /** For the agent that is at a job of the run: from what it works out for itself what the job must be. */
  @Get(':run_id/proof')
  @ApiHeader({ name: 'x-job-id', required: true, description: 'the job that it is at' })
  @ApiHeader({ name: 'x-attempt', required: true, description: 'which attempt of it' })
  @ApiHeader({ name: 'x-lease-token', required: true, description: 'of the claim' })
  async proof(
    @Param('run_id') run_id: string,
    @Headers('x-job-id') job_id: string | undefined,
    @Headers('x-attempt') attempt: string | undefined,
    @Headers('x-lease-token') token: string | undefined,
    @Caller() caller: Caller,
  ): Promise<RunProof> {
    if (!job_id) throw problem('invalid', 'invalid_input', 'the header X-Job-Id must be that of the claim');
    const { requests } = this.connections;
    const lease = { job_id, agent_id: caller.principal.id, ...readAttempt(attempt, token) };
    const { execution_id } = await requests.send(queueRequests.lease, lease, caller);
    if (execution_id !== run_id)
      throw problem('forbidden', 'not_your_job', `the job ${job_id} has nothing to do with this run`);
    const { events, ...of } = await requests.send(pipelinesRequests.proofOfRun, { run_id, job_id }, caller);
    return { ...(await requests.send(pipelinesRequests.proofOfPipeline, of, caller)), events };
  }
}
