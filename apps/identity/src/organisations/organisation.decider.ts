/**
 * An organisation: its name is its id, given once and for ever. `default` was always there, without an event.
 * Rejections: organisation_exists.
 */
import { DEFAULT_ORG } from '@hybrid/contracts';
import { reject, type Decider, type EventTypes } from '@hybrid/decider';

export type OrganisationEvent = { type: 'OrganisationCreated'; data: OrganisationCreated };

export const organisationEvents: EventTypes<OrganisationEvent> = { today: { OrganisationCreated: true } };

export interface OrganisationCreated {
  organisation: string;
  /** For people. */
  name: string;
  at: string;
}

export interface OrganisationState {
  /** Null: nobody has created it. */
  created: OrganisationCreated | null;
}

export type OrganisationCommand = {
  type: 'CreateOrganisation';
  organisation: string;
  name: string;
  now: string;
};

export const organisationDecider: Decider<OrganisationState, OrganisationCommand, OrganisationEvent> = {
  initial: { created: null },
  events: organisationEvents,
  decide({ organisation, name, now }, { created }) {
    const before = organisation === DEFAULT_ORG ? { name: DEFAULT_ORG } : created;
    if (!before) return [{ type: 'OrganisationCreated', data: { organisation, name, at: now } }];
    // The same again means that its reply was lost.
    if (before.name === name) return [];
    return reject(
      'organisation_exists',
      `the organisation ${organisation} is there already, and is called ${before.name}: choose another id`,
    );
  },
  evolve: (_, event) => ({ created: event.data }),
};
