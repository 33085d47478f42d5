import type { AccessRefused } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { refusalEvents, type RefusalEvent } from './refusal.decider.js';

/** That somebody was not let in; from where is for audit alone. */
export const refusalPublisher: Publisher<RefusalEvent> = {
  service: 'identity',
  prefixes: ['refusal-'],
  events: refusalEvents,
  publish: ({ event }) => {
    const { what, code, where, count, since } = event.data;
    const data: AccessRefused = { what, code, where, count, since };
    return { noun: 'refusal', event: 'recorded', type: 'AccessRefused', data };
  },
};
