import {
  ListRelays,
  RegisterRelay,
  RELAY_HEARTBEAT_SECONDS,
  RelayHeartbeat,
  routingRequests,
  type RegisteredRelay,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Delete, Get, Header, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { joinedBy, mayJoinAs } from '../identity/joining.js';
import { relayIdOf } from '../identity/secret-token.js';
import { SecretTokens } from '../identity/secret-tokens.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';

@ApiTags('routing')
@ApiBearerAuth()
@Controller('api/relays')
export class RelaysController {
  constructor(
    private readonly connections: Connections,
    private readonly tokens: SecretTokens,
  ) {}

  /**
   * Shows the relay's API key, this once: with a join token for relays, or the JWT of an issuer that a trust rule for
   * relays names. The same registration with the same Idempotency-Key again answers it again; another one with that key
   * is refused (`idempotency_key_reused`).
   */
  @Post('register')
  @Header('cache-control', 'no-store')
  @ApiHeader(IDEMPOTENCY_KEY)
  async register(@Body() relay: RegisterRelay, @Caller() caller: Caller): Promise<RegisteredRelay> {
    mayJoinAs('relay', caller.principal);
    const { token: api_key, id, sha256: key_sha256 } = this.tokens.make('relay', caller);
    const { relay_id, connection } = await this.send(
      routingRequests.registerRelay,
      { ...relay, relay_id: relayIdOf(id), key_sha256, joined_by: joinedBy(caller.principal) },
      caller,
    );
    return { relay_id, api_key, connection, next_check_interval: RELAY_HEARTBEAT_SECONDS };
  }

  /** By a relay, with its API key, every `next_check_interval` seconds. */
  @Post('heartbeat')
  @HttpCode(200)
  heartbeat(@Body() heartbeat: RelayHeartbeat, @Caller() caller: Caller) {
    const { id: relay_id } = caller.principal;
    return this.send(routingRequests.heartbeat, { ...heartbeat, relay_id }, caller);
  }

  /** Removed ones only where they are asked for by their status. */
  @Get()
  async list(@Query() query: ListRelays, @Caller() caller: Caller) {
    return listReply('relays', await this.send(routingRequests.relays, query, caller));
  }

  @Get(':relay_id')
  get(@Param('relay_id') relay_id: string, @Caller() caller: Caller) {
    return this.send(routingRequests.relay, { relay_id }, caller);
  }

  /** Its key is worth nothing from now on, and what it signed is refused. */
  @Delete(':relay_id')
  remove(@Param('relay_id') relay_id: string, @Caller() caller: Caller) {
    return this.send(routingRequests.removeRelay, { relay_id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
