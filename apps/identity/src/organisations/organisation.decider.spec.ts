import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import {
  organisationDecider,
  type OrganisationCommand,
  type OrganisationEvent,
} from './organisation.decider.js';

const now = '2026-01-01T00:00:00.000Z';
const create = (organisation: string, name: string): OrganisationCommand => ({
  type: 'CreateOrganisation',
  organisation,
  name,
  now,
});
const created = (organisation: string, name: string): OrganisationEvent => ({
  type: 'OrganisationCreated',
  data: { organisation, name, at: now },
});

describe('an organisation', () => {
  it('is created once, however often it is asked for', () => {
    given(organisationDecider).when(create('acme', 'Acme')).then(created('acme', 'Acme'));
    given(organisationDecider, created('acme', 'Acme')).when(create('acme', 'Acme')).thenNothing();
  });

  it('is not called otherwise by whoever wants to create it', () => {
    given(organisationDecider, created('acme', 'Acme'))
      .when(create('acme', 'Another'))
      .thenRejected('organisation_exists');
  });

  it('is there already where it is the default one', () => {
    given(organisationDecider).when(create('default', 'default')).thenNothing();
    given(organisationDecider).when(create('default', 'Mine')).thenRejected('organisation_exists');
  });
});
