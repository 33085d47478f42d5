import { identityRequests, type CallContext, type CreateTrustRule, type ListQuery } from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { TrustRules } from './trust-rules.js';

type OfRule = { rule_id: string };

@MessageController()
export class TrustRuleController {
  constructor(private readonly rules: TrustRules) {}

  @Handle(identityRequests.createTrustRule)
  create(@Payload() wanted: CreateTrustRule & OfRule, @Ctx() call: CallContext) {
    return this.rules.create(wanted, call);
  }

  @Handle(identityRequests.trustRules)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.rules.list(query, call);
  }

  @Handle(identityRequests.removeTrustRule)
  remove(@Payload() { rule_id }: OfRule, @Ctx() call: CallContext) {
    return this.rules.remove(rule_id, call);
  }

  @Handle(identityRequests.trustRule)
  get(@Payload() { rule_id }: OfRule, @Ctx() call: CallContext) {
    return this.rules.get(rule_id, call);
  }

  @Handle(identityRequests.trustRulesOf)
  async ofIssuer(@Payload() { issuer }: { issuer: string }, @Ctx() call: CallContext) {
    return { rules: await this.rules.ofIssuer(issuer, call) };
  }
}
