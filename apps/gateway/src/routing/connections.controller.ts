import { ListQuery, PauseConnection, PutConnection, routingRequests } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, HttpCode, Param, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { InstallationKeys } from '../identity/installation-keys.js';

/** The customers' queues that the routing service reads. */
@ApiTags('routing')
@ApiBearerAuth()
@Controller('api/connections')
export class ConnectionsController {
  constructor(
    private readonly connections: Connections,
    private readonly keys: InstallationKeys,
  ) {}

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('connections', await this.send(routingRequests.connections, query, caller));
  }

  /** Its first version, or the next one where the configuration changed. 422 with lines and columns where it has errors. */
  @Put(':connection')
  put(@Param('connection') connection: string, @Body() wanted: PutConnection, @Caller() caller: Caller) {
    const external_id = this.externalId(caller.org);
    return this.send(routingRequests.putConnection, { ...wanted, connection, external_id }, caller);
  }

  @Get(':connection')
  get(@Param('connection') connection: string, @Caller() caller: Caller) {
    return this.send(routingRequests.connection, { connection }, caller);
  }

  /** Its queue is not read any more; what lies on it stays there. */
  @Delete(':connection')
  remove(@Param('connection') connection: string, @Caller() caller: Caller) {
    return this.send(routingRequests.deleteConnection, { connection }, caller);
  }

  /** Its queue is not read until it is resumed: what comes waits there. */
  @Post(':connection/pause')
  @HttpCode(200)
  pause(
    @Param('connection') connection: string,
    @Body() { reason }: PauseConnection,
    @Caller() caller: Caller,
  ) {
    return this.send(routingRequests.pauseConnection, { connection, reason }, caller);
  }

  @Post(':connection/resume')
  @HttpCode(200)
  resume(@Param('connection') connection: string, @Caller() caller: Caller) {
    return this.send(routingRequests.resumeConnection, { connection }, caller);
  }

  /** Tries what the credential may do, now; otherwise that is done hourly. */
  @Post(':connection/verify')
  @HttpCode(200)
  verify(@Param('connection') connection: string, @Caller() caller: Caller) {
    return this.send(routingRequests.verifyConnection, { connection }, caller);
  }

  /** Of the organisation alone: nobody can have another's role taken for his connection. */
  private externalId(org: string): string {
    const { keys } = this;
    return `hybrid-${keys.derive(keys.current, `external-id/${org}`).toString('hex').slice(0, 32)}`;
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
