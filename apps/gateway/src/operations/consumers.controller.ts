import { consumerRequests, problem, serviceOfDurable, SERVICES } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { askServices } from './ask-services.js';

@ApiTags('operations')
@ApiBearerAuth()
@Controller('api/operations')
export class ConsumersController {
  constructor(private readonly connections: Connections) {}

  /** Consumers of all services. `services` names each one; of one that does not answer there are no consumers. */
  @Get('consumers')
  async consumers(@Caller() caller: Caller) {
    const { requests } = this.connections;
    const { answers, services } = await askServices(requests, (name) => consumerRequests(name).list, caller);
    const consumers = answers.flatMap(({ consumers }) => consumers);
    return { consumers, total: consumers.length, services };
  }

  /** Handles parked events again, oldest first; what fails again stays parked. */
  @Post('consumers/:durable/replay')
  @HttpCode(200)
  async replay(@Param('durable') durable: string, @Caller() caller: Caller) {
    // Nothing that a caller writes becomes part of a subject.
    const service = SERVICES.find((name) => name === serviceOfDurable(durable));
    if (!service) throw problem('not_found', 'consumer_not_found', `there is no consumer ${durable}`);
    const { replay } = consumerRequests(service);
    return { durable, ...(await this.connections.requests.send(replay, { durable }, caller)) };
  }
}
