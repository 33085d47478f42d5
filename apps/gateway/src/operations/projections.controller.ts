import { problem, projectionRequests, SERVICES } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { askServices } from './ask-services.js';

@ApiTags('operations')
@ApiBearerAuth()
@Controller('api/operations')
export class ProjectionsController {
  constructor(private readonly connections: Connections) {}

  /** Read models of all services. `services` names each one; of one that does not answer there are no projections. */
  @Get('projections')
  async projections(@Caller() caller: Caller) {
    const { requests } = this.connections;
    const { answers, services } = await askServices(
      requests,
      (name) => projectionRequests(name).list,
      caller,
    );
    const projections = answers.flatMap(({ projections }) => projections);
    return { projections, total: projections.length, services };
  }

  /** Builds it anew beside the live one; the progress is in the list. */
  @Post('projections/:service/:name/rebuild')
  @HttpCode(202)
  async rebuild(@Param('service') service: string, @Param('name') name: string, @Caller() caller: Caller) {
    const { rebuild } = requestsOf(service);
    return { service, name, rebuild: await this.connections.requests.send(rebuild, { name }, caller) };
  }

  /** Applies parked events again, in order; what fails again stays parked. */
  @Post('projections/:service/:name/replay')
  @HttpCode(200)
  async replay(@Param('service') service: string, @Param('name') name: string, @Caller() caller: Caller) {
    const { replay } = requestsOf(service);
    return { service, name, ...(await this.connections.requests.send(replay, { name }, caller)) };
  }
}

/** Nothing that a caller writes becomes part of a subject. */
function requestsOf(service: string) {
  const known = SERVICES.find((name) => name === service);
  if (!known)
    throw problem(
      'not_found',
      'service_unknown',
      `no service ${service} has projections; there are ${SERVICES.join(', ')}`,
    );
  return projectionRequests(known);
}
