import { CreateJoinToken, identityRequests, ListQuery } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { SecretTokens } from '../identity/secret-tokens.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';

@ApiTags('identity')
@ApiBearerAuth()
@Controller('api/join-tokens')
export class JoinTokensController {
  constructor(
    private readonly connections: Connections,
    private readonly tokens: SecretTokens,
  ) {}

  /** Shows the token this once: agents register with it, into its pool where it names one. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  async create(@Body() wanted: CreateJoinToken, @Caller() caller: Caller) {
    const { token, id: token_id, sha256 } = this.tokens.make('join', caller);
    const made = await this.send(identityRequests.createJoinToken, { ...wanted, token_id, sha256 }, caller);
    return { ...made, token };
  }

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('join_tokens', await this.send(identityRequests.joinTokens, query, caller));
  }

  /** Nobody joins with it any more; those who did stay. */
  @Delete(':token_id')
  revoke(@Param('token_id') token_id: string, @Caller() caller: Caller) {
    return this.send(identityRequests.revokeJoinToken, { token_id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
