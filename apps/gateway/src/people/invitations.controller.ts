import { CreateInvitation, identityRequests, ListQuery } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { SecretTokens } from '../identity/secret-tokens.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';
import { mayGive } from './grants.js';

@ApiTags('identity')
@ApiBearerAuth()
@Controller('api/invitations')
export class InvitationsController {
  constructor(
    private readonly connections: Connections,
    private readonly tokens: SecretTokens,
  ) {}

  /** Shows the link this once; whoever opens it first, and signs in, has the roles. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  async create(@Body() invitation: CreateInvitation, @Caller() caller: Caller) {
    mayGive(caller.principal, invitation.roles);
    const { token, id: invitation_id, sha256 } = this.tokens.make('invitation', caller);
    const made = await this.send(identityRequests.invite, { ...invitation, invitation_id, sha256 }, caller);
    // In the fragment, which browsers keep from servers, logs and Referer headers.
    return { ...made, token, path: `/auth/invitation#${token}` };
  }

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('invitations', await this.send(identityRequests.invitations, query, caller));
  }

  @Delete(':invitation_id')
  revoke(@Param('invitation_id') invitation_id: string, @Caller() caller: Caller) {
    return this.send(identityRequests.revokeInvitation, { invitation_id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
