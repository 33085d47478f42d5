import {
  DEFAULT_ORG,
  ExchangeToken,
  identityRequests,
  serviceCall,
  TOKEN_TYPES,
  type ExchangedToken,
} from '@hybrid/contracts';
import { Connections } from '@hybrid/service';
import { Body, Controller, Header, HttpCode, Ip, Post, UseInterceptors } from '@nestjs/common';
import { ApiConsumes, ApiTags } from '@nestjs/swagger';
import { randomUUID } from 'node:crypto';
import { Attempts } from '../sign-in/attempts.js';
import { IssuerKeys } from './issuer-keys.js';
import { JOINING_SECONDS, JoiningTokens } from './joining-tokens.js';
import { fittingRule, issuerOf } from './workload-token.js';

@ApiTags('agents')
@Controller('api/agents')
@UseInterceptors(Attempts)
export class FederationController {
  constructor(
    private readonly connections: Connections,
    private readonly keys: IssuerKeys,
    private readonly tokens: JoiningTokens,
  ) {}

  /**
   * Workload identity federation: a token of the workload's platform (Kubernetes, a cloud, a CI service, any OpenID
   * Connect issuer that a trust rule names) for one to register with. 401 with a code that says which check failed.
   */
  @Post('token')
  @HttpCode(200)
  @Header('cache-control', 'no-store')
  @ApiConsumes('application/json', 'application/x-www-form-urlencoded')
  async exchange(@Body() asked: ExchangeToken, @Ip() address: string): Promise<ExchangedToken> {
    const { subject_token, organisation: org = DEFAULT_ORG, pool: wanted } = asked;
    const issuer = issuerOf(subject_token);
    const call = { ...serviceCall('gateway', org, randomUUID()), address };
    const { rules } = await this.connections.requests.send(identityRequests.trustRulesOf, { issuer }, call);
    const ofAgents = rules.filter((rule) => rule.for !== 'relay');
    const { rule, subject } = await fittingRule(subject_token, ofAgents, this.keys, wanted);
    const { rule_id } = rule;
    const pool = rule.pool!;
    return {
      access_token: await this.tokens.make({ org, rule_id, pool, subject }),
      issued_token_type: TOKEN_TYPES.access,
      token_type: 'Bearer',
      expires_in: JOINING_SECONDS,
      pool,
    };
  }
}
