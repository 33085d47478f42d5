import { routingRequests, type CallContext, type ListDeliveries } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Deliveries } from './deliveries.js';

@MessageController()
export class DeliveryController {
  constructor(private readonly deliveries: Deliveries) {}

  @Handle(routingRequests.delivery)
  get(@Payload() { delivery_id }: { delivery_id: string }, @Ctx() call: CallContext) {
    return this.deliveries.get(delivery_id, call);
  }

  @Handle(routingRequests.deliveries)
  list(@Payload() query: ListDeliveries, @Ctx() call: CallContext) {
    return this.deliveries.list(query, call);
  }
}
