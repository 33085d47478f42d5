import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { organisationDecider } from './organisation.decider.js';

describe('stored events of organisations', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), organisationDecider, {
    version: 1,
    digest: 'fd238275d8f01400',
  });

  it('say what an organisation is called', () => {
    const created = golden('OrganisationCreated');
    expect(fold(organisationDecider, [created])).toEqual({ created: created.data });
  });
});
