import {
  deploymentsRequests,
  healthRequest,
  type CallContext,
  type EnqueueJobCommand,
  type ListDeployments,
  type ListQuery,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Connections } from '@hybrid/service';
import { Ctx, Payload } from '@nestjs/microservices';
import { Deployments } from './deployments.js';

@MessageController()
export class DeploymentController {
  constructor(
    private readonly deployments: Deployments,
    private readonly connections: Connections,
  ) {}

  @Handle(deploymentsRequests.start)
  start(
    @Payload() { job, requested_by }: { job: EnqueueJobCommand; requested_by: string },
    @Ctx() call: CallContext,
  ) {
    return this.deployments.start(job, requested_by, call);
  }

  @Handle(deploymentsRequests.get)
  get(@Payload() { deployment_id }: { deployment_id: string }, @Ctx() call: CallContext) {
    return this.deployments.get(deployment_id, call);
  }

  @Handle(deploymentsRequests.list)
  list(@Payload() query: ListDeployments, @Ctx() call: CallContext) {
    return this.deployments.list(query, call);
  }

  @Handle(deploymentsRequests.services)
  services(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.deployments.services(query, call);
  }

  @Handle(deploymentsRequests.figures)
  figures(@Ctx() call: CallContext) {
    return this.deployments.figures(call);
  }

  @Handle(healthRequest('deployments'))
  health() {
    return this.connections.health('deployments');
  }
}
