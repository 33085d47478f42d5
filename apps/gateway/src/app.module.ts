import { Connections } from '@hybrid/service';
import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { AgentsController } from './agents/agents.controller.js';
import { PoolsController } from './agents/pools.controller.js';
import { DeploymentsController } from './dashboard/deployments.controller.js';
import { DashboardJobsController } from './dashboard/jobs.controller.js';
import { SummaryController } from './dashboard/summary.controller.js';
import { RateLimits } from './edge/rate-limits.js';
import { ProblemFilter } from './edge/problem.filter.js';
import { validation } from './edge/validation.js';
import { EventsController } from './events/events.controller.js';
import { FederationController } from './federation/federation.controller.js';
import { IssuerKeys } from './federation/issuer-keys.js';
import { JoiningTokens } from './federation/joining-tokens.js';
import { GatewaySettings } from './gateway.settings.js';
import { HealthController } from './health/health.controller.js';
import { MetricsController } from './health/metrics.controller.js';
import { AccessGuard } from './identity/access.guard.js';
import { Identity, Tokens } from './identity/identity.js';
import { InstallationKeys } from './identity/installation-keys.js';
import { Nonces } from './identity/nonces.js';
import { Refusals } from './identity/refusals.js';
import { KeyUses } from './identity/key-uses.js';
import { SecretTokens } from './identity/secret-tokens.js';
import { SignedAgents } from './identity/signed-agents.js';
import { InvitationsController } from './people/invitations.controller.js';
import { KeysController } from './people/keys.controller.js';
import { OrganisationsController } from './people/organisations.controller.js';
import { UsersController } from './people/users.controller.js';
import { JoinTokensController } from './agents/join-tokens.controller.js';
import { TrustRulesController } from './agents/trust-rules.controller.js';
import { Attempts } from './sign-in/attempts.js';
import { DeviceController } from './sign-in/device.controller.js';
import { InvitationController } from './sign-in/invitation.controller.js';
import { SessionsController } from './sign-in/sessions.controller.js';
import { SignInController } from './sign-in/sign-in.controller.js';
import { signInProviders, type SignInParts } from './sign-in/sign-in-parts.js';
import { SignIn } from './sign-in/sign-in.js';
import { ConsumersController } from './operations/consumers.controller.js';
import { DoctorController } from './operations/doctor.controller.js';
import { ProjectionsController } from './operations/projections.controller.js';
import { PipelinesController } from './pipelines/pipelines.controller.js';
import { ProofController } from './pipelines/proof.controller.js';
import { RunsController } from './pipelines/runs.controller.js';
import { AttemptsController } from './queue/attempts.controller.js';
import { allowLargeBatches, BatchController } from './queue/batch.controller.js';
import { LogsController } from './queue/logs.controller.js';
import { QueueController } from './queue/queue.controller.js';
import { VerificationController } from './queue/verification.controller.js';
import { ArtifactsController } from './registry/artifacts.controller.js';
import { ConnectionsController } from './routing/connections.controller.js';
import { DeliveriesController } from './routing/deliveries.controller.js';
import { RelaysController } from './routing/relays.controller.js';

@Module({})
export class GatewayModule {
  constructor({ httpAdapter }: HttpAdapterHost) {
    allowLargeBatches(httpAdapter.getInstance<FastifyInstance>());
  }

  static with(
    settings: GatewaySettings,
    tokens: Tokens,
    keys: InstallationKeys,
    limits: RateLimits,
    parts: SignInParts,
  ): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        HealthController,
        MetricsController,
        QueueController,
        BatchController,
        AttemptsController,
        LogsController,
        VerificationController,
        DashboardJobsController,
        DeploymentsController,
        SummaryController,
        FederationController,
        PoolsController,
        AgentsController,
        PipelinesController,
        RunsController,
        ProofController,
        ArtifactsController,
        RelaysController,
        ConnectionsController,
        DeliveriesController,
        EventsController,
        ProjectionsController,
        ConsumersController,
        DoctorController,
        UsersController,
        InvitationsController,
        KeysController,
        JoinTokensController,
        TrustRulesController,
        OrganisationsController,
        SignInController,
        InvitationController,
        SessionsController,
        DeviceController,
      ],
      providers: [
        Identity,
        Nonces,
        SignedAgents,
        KeyUses,
        JoiningTokens,
        {
          provide: IssuerKeys,
          useValue: new IssuerKeys({
            ...IssuerKeys.limits,
            privateIssuers: settings.HYBRID_PRIVATE_ISSUERS === 'yes',
          }),
        },
        SecretTokens,
        SignIn,
        Attempts,
        ...signInProviders(parts),
        { provide: GatewaySettings, useValue: settings },
        { provide: RateLimits, useValue: limits },
        {
          provide: Refusals,
          useFactory: ({ requests }: Connections) => new Refusals(requests),
          inject: [Connections],
        },
        { provide: Tokens, useValue: tokens },
        { provide: InstallationKeys, useValue: keys },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_FILTER, useClass: ProblemFilter },
        { provide: APP_PIPE, useFactory: validation },
      ],
    };
  }
}
