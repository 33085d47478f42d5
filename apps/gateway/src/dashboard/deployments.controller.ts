import { deploymentsRequests, ListDeployments, ListQuery } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags, OmitType } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';

class ListDeploymentsOfService extends OmitType(ListDeployments, ['service']) {}

/** What was put where, and how that went. Deployments are started by steps of runs. */
@ApiTags('dashboard')
@ApiBearerAuth()
@Controller('api/dashboard')
export class DeploymentsController {
  constructor(private readonly connections: Connections) {}

  @Get('deployments')
  list(@Query() query: ListDeployments, @Caller() caller: Caller) {
    return this.page(query, caller);
  }

  @Get('deployments/service/:service_name')
  ofService(
    @Param('service_name') service: string,
    @Query() query: ListDeploymentsOfService,
    @Caller() caller: Caller,
  ) {
    return this.page({ ...query, service }, caller);
  }

  @Get('deployments/:deployment_id')
  get(@Param('deployment_id') deployment_id: string, @Caller() caller: Caller) {
    return this.connections.requests.send(deploymentsRequests.get, { deployment_id }, caller);
  }

  /** Every service that was ever deployed, with what runs in each of its environments. */
  @Get('services')
  async services(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply(
      'services',
      await this.connections.requests.send(deploymentsRequests.services, query, caller),
    );
  }

  /** The same as `deployments/service/{service_name}`: the id of a service is its name. */
  @Get('services/:service_name/deployments')
  deployments(
    @Param('service_name') service: string,
    @Query() query: ListDeploymentsOfService,
    @Caller() caller: Caller,
  ) {
    return this.page({ ...query, service }, caller);
  }

  private async page(query: ListDeployments, caller: Caller) {
    return listReply(
      'deployments',
      await this.connections.requests.send(deploymentsRequests.list, query, caller),
    );
  }
}
