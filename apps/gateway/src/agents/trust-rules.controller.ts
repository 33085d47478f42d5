import { CreateTrustRule, identityRequests, ListQuery, problem } from '@hybrid/contracts';
import { Connections, isPrivateHost } from '@hybrid/service';
import { Body, Controller, Delete, Get, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { Caller } from '../edge/caller.js';
import { listReply } from '../edge/list-reply.js';
import { GatewaySettings } from '../gateway.settings.js';
import { IDEMPOTENCY_KEY } from '../queue/idempotency-key.js';

@ApiTags('identity')
@ApiBearerAuth()
@Controller('api/trust-rules')
export class TrustRulesController {
  constructor(
    private readonly connections: Connections,
    private readonly settings: GatewaySettings,
  ) {}

  /** Workloads that the issuer vouches for, in these words, may join the pool. */
  @Post()
  @ApiHeader(IDEMPOTENCY_KEY)
  create(@Body() rule: CreateTrustRule, @Caller() caller: Caller) {
    const { issuer } = rule;
    const refused = this.settings.HYBRID_PRIVATE_ISSUERS === 'no' && URL.canParse(issuer);
    // Names are looked at when they are resolved, each time.
    if (refused && isPrivateHost(new URL(issuer)))
      throw problem(
        'invalid',
        'trust_rule_issuer_private',
        'the issuer is at an address of this machine or of a private network, and the gateway asks only public ones: set HYBRID_PRIVATE_ISSUERS=yes at the gateways to have them ask there',
      );
    return this.send(
      identityRequests.createTrustRule,
      { ...rule, rule_id: caller.newId('trust-rule') },
      caller,
    );
  }

  @Get()
  async list(@Query() query: ListQuery, @Caller() caller: Caller) {
    return listReply('trust_rules', await this.send(identityRequests.trustRules, query, caller));
  }

  /** Whoever came in by it is refused, at once. */
  @Delete(':rule_id')
  remove(@Param('rule_id') rule_id: string, @Caller() caller: Caller) {
    return this.send(identityRequests.removeTrustRule, { rule_id }, caller);
  }

  private readonly send: Connections['requests']['send'] = (request, input, call) =>
    this.connections.requests.send(request, input, call);
}
