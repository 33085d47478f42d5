import { stateTable } from '@hybrid/event-store';
import { organisationDecider } from './organisation.decider.js';

/** `identity.organisations`: all that were created. */
export const organisationList = stateTable({
  schema: 'identity',
  table: 'organisations',
  version: 1,
  category: 'organisation',
  decider: organisationDecider,
  columns: {},
});
