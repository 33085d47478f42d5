/** Follows the jobs of deployments to their end. Stateless: what is known already changes nothing. */
import {
  eventFilter,
  serviceCall,
  type CallContext,
  type JobChanged,
  type PublicEvent,
} from '@hybrid/contracts';
import { MessageController, OnEvents } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Deployments } from './deployments.js';

@MessageController()
export class DeploymentProcess {
  constructor(private readonly deployments: Deployments) {}

  @OnEvents({ durable: 'deployments-jobs', filter: eventFilter('queue', 'job') })
  async onJob(@Payload() event: PublicEvent<JobChanged>, @Ctx() { org }: CallContext): Promise<void> {
    // Deployments are steps of runs.
    if (!event.data.run_id) return;
    const call = serviceCall('deployments', org, event.correlation_id, event.event_id);
    await this.deployments.recordJob(event.data, event.time, call);
  }
}
