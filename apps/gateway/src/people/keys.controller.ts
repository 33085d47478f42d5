import { CreateKey, identityRequests, ListQuery, problem } from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { decides, isForAll, type Principal } from '../identity/principal.js';
import { SecretTokens } from '../identity/secret-tokens.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';
import { mayGive } from './grants.js';

/** Everybody has keys of their own; those who decide who may do what see all of the organisation's. */
@ApiTags('identity')
@ApiBearerAuth()
@Controller('api/keys')
export class KeysController {
  constructor(
    private readonly connections: Connections,
    private readonly tokens: SecretTokens,
  ) {}

  /** Shows the key this once. A key makes no keys: whoever revokes one that leaked need not ask what came of it. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  async create(@Body() key: CreateKey, @Caller() caller: Caller) {
    if (caller.principal.kind === 'key')
      throw problem('forbidden', 'key_makes_no_keys', 'an API key makes no API keys: sign in, and make one');
    mayGive(caller.principal, key.roles);
    const { token, id: key_id, sha256 } = this.tokens.make('key', caller);
    const made = await this.send(identityRequests.createKey, { ...key, key_id, sha256 }, caller);
    return { ...made, key: token };
  }

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    const created_by = seesAll(caller.principal) ? undefined : nameOf(caller);
    return listReply('keys', await this.send(identityRequests.keys, { ...query, created_by }, caller));
  }

  /** Is refused everywhere, at once. */
  @Delete(':key_id')
  revoke(@Param('key_id') key_id: string, @Caller() caller: Caller) {
    const { kind, roles } = caller.principal;
    const created_by = kind === 'installation' || decides(roles) ? undefined : nameOf(caller);
    return this.send(identityRequests.revokeKey, { key_id, created_by }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}

function seesAll({ kind, roles }: Principal): boolean {
  const audits = roles.some((grant) => grant.role === 'auditor' && isForAll(grant));
  return kind === 'installation' || decides(roles) || audits;
}

function nameOf({ actor }: Caller): string {
  return `${actor.type}:${actor.id}`;
}
