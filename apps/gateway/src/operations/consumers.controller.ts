import {
  CONSUMING_SERVICES,
  consumerRequests,
  problem,
  ProblemError,
  serviceOfDurable,
  type CallContext,
  type ConsumerView,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { Allow } from '../identity/access.guard.js';

@ApiTags('operations')
@ApiBearerAuth()
@Controller('api/operations')
export class ConsumersController {
  constructor(private readonly connections: Connections) {}

  /** Consumers of all services. `services` names each one; of one that does not answer there are no consumers. */
  @Get('consumers')
  @Allow('admin')
  async consumers(@Caller() caller: Caller) {
    const answers = await Promise.all(
      CONSUMING_SERVICES.map(async (service) => [service, await this.ask(service, caller)] as const),
    );
    const consumers = answers.flatMap(([, { consumers }]) => consumers);
    return {
      consumers,
      total: consumers.length,
      services: Object.fromEntries(answers.map(([service, { status }]) => [service, status])),
    };
  }

  /** Handles parked events again, oldest first; what fails again stays parked. */
  @Post('consumers/:durable/replay')
  @HttpCode(200)
  @Allow('admin')
  async replay(@Param('durable') durable: string, @Caller() caller: Caller) {
    // Nothing that a caller writes becomes part of a subject.
    const service = CONSUMING_SERVICES.find((name) => name === serviceOfDurable(durable));
    if (!service) throw problem('not_found', 'consumer_not_found', `there is no consumer ${durable}`);
    const { replay } = consumerRequests(service);
    return { durable, ...(await this.connections.requests.send(replay, { durable }, caller)) };
  }

  /** `unreachable`, or the code of what went wrong there, rather than an answer without it. */
  private async ask(
    service: string,
    call: CallContext,
  ): Promise<{ status: string; consumers: ConsumerView[] }> {
    try {
      const answer = await this.connections.requests.send(consumerRequests(service).list, {}, call);
      return { status: 'answered', ...answer };
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      const { kind, code } = error.problem;
      return { status: kind === 'unavailable' ? 'unreachable' : code, consumers: [] };
    }
  }
}
