import { projectionOperations } from '@hybrid/service';
import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { IdentityEvents } from './identity.publisher.js';
import { InvitationController } from './members/invitation.controller.js';
import { Invitations } from './members/invitations.js';
import { Members } from './members/members.js';
import { PeopleQueries } from './members/people.queries.js';
import { UserController } from './members/user.controller.js';
import { Users } from './members/users.js';
import { KeyUses } from './keys/key-uses.js';
import { KeyController } from './keys/key.controller.js';
import { Keys } from './keys/keys.js';
import { JoinTokenController } from './join-tokens/join-token.controller.js';
import { JoinTokens } from './join-tokens/join-tokens.js';
import { TrustRuleController } from './trust-rules/trust-rule.controller.js';
import { TrustRules } from './trust-rules/trust-rules.js';
import { OrganisationController } from './organisations/organisation.controller.js';
import { Organisations } from './organisations/organisations.js';
import { RefusalController } from './refusals/refusal.controller.js';
import { Refusals } from './refusals/refusals.js';
import { SessionController } from './sessions/session.controller.js';
import { Sessions } from './sessions/sessions.js';

@Module({
  controllers: [
    projectionOperations('identity'),
    HealthController,
    OrganisationController,
    UserController,
    InvitationController,
    SessionController,
    RefusalController,
    TrustRuleController,
    JoinTokenController,
    KeyController,
  ],
  providers: [
    TrustRules,
    JoinTokens,
    Keys,
    KeyUses,
    IdentityEvents,
    Organisations,
    Members,
    PeopleQueries,
    Users,
    Invitations,
    Sessions,
    Refusals,
  ],
})
export class IdentityModule {}
