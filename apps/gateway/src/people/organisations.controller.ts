import { CreateOrganisation, identityRequests, ListQuery } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Get, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';

@ApiTags('identity')
@ApiBearerAuth()
@Controller('api/organisations')
export class OrganisationsController {
  constructor(private readonly connections: Connections) {}

  /** The same again answers the same. Its first administrator comes by an invitation, with `X-Organisation: <it>`. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  create(@Body() organisation: CreateOrganisation, @Caller() caller: Caller) {
    // The organisation's first event is its own.
    const call = { ...caller, org: organisation.organisation };
    return this.connections.requests.send(identityRequests.createOrganisation, organisation, call);
  }

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    const page = await this.connections.requests.send(identityRequests.listOrganisations, query, caller);
    return listReply('organisations', page);
  }
}
