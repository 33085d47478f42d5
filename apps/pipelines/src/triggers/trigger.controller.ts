import {
  pipelinesRequests,
  type CallContext,
  type FireTriggers,
  type ListQuery,
  type StartByRoute,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Triggers } from './triggers.js';

@MessageController()
export class TriggerController {
  constructor(private readonly triggers: Triggers) {}

  @Handle(pipelinesRequests.fireTriggers)
  fire(@Payload() request: FireTriggers, @Ctx() call: CallContext) {
    return this.triggers.fire(request, call);
  }

  @Handle(pipelinesRequests.startByRoute)
  start(@Payload() request: StartByRoute, @Ctx() call: CallContext) {
    return this.triggers.startByRoute(request, call);
  }

  @Handle(pipelinesRequests.triggers)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.triggers.list(query, call);
  }

  @Handle(pipelinesRequests.schedules)
  schedules(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.triggers.schedules(query, call);
  }
}
