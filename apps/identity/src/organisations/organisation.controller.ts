import {
  identityRequests,
  type CallContext,
  type CreateOrganisation,
  type ListQuery,
} from '@hybrid/contracts';
import { Handle, MessageController } from '@hybrid/messaging';
import { Ctx, Payload } from '@nestjs/microservices';
import { Organisations } from './organisations.js';

@MessageController()
export class OrganisationController {
  constructor(private readonly organisations: Organisations) {}

  @Handle(identityRequests.createOrganisation)
  create(@Payload() request: CreateOrganisation, @Ctx() call: CallContext) {
    return this.organisations.create(request, call);
  }

  @Handle(identityRequests.organisation)
  get(@Payload() { organisation }: { organisation: string }) {
    return this.organisations.get(organisation);
  }

  @Handle(identityRequests.listOrganisations)
  list(@Payload() query: ListQuery, @Ctx() call: CallContext) {
    return this.organisations.list(query, call);
  }
}
