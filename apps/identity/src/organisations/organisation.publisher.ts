import type { OrganisationCreated } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { organisationEvents, type OrganisationEvent } from './organisation.decider.js';

/** What an organisation sees of itself. */
export const organisationPublisher: Publisher<OrganisationEvent> = {
  service: 'identity',
  prefixes: ['organisation-'],
  events: organisationEvents,
  publish: ({ event }) => {
    const { organisation, name } = event.data;
    const data: OrganisationCreated = { organisation, name };
    return { noun: 'organisation', event: 'created', type: 'OrganisationCreated', data };
  },
};
