import { ListDeliveries, routingRequests } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';

/** What came of webhooks: which rule decided, why, and what runs. */
@ApiTags('routing')
@ApiBearerAuth()
@Controller('api/deliveries')
export class DeliveriesController {
  constructor(private readonly connections: Connections) {}

  @Get()
  async list(@Query() query: ListDeliveries, @Caller() caller: Caller) {
    const { requests } = this.connections;
    return listReply('deliveries', await requests.send(routingRequests.deliveries, query, caller));
  }

  @Get(':delivery_id')
  get(@Param('delivery_id') delivery_id: string, @Caller() caller: Caller) {
    return this.connections.requests.send(routingRequests.delivery, { delivery_id }, caller);
  }
}
