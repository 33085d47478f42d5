/**
 * Somebody who was not let in, for audit: one event. From which address stands in its metadata, as of every event.
 * Rejections: none.
 */
import type { Refusal } from '@hybrid/contracts';
import type { Decider, EventTypes } from '@hybrid/decider';

export type RefusalEvent = { type: 'AccessRefused'; data: Refusal & { at: string } };

export const refusalEvents: EventTypes<RefusalEvent> = { today: { AccessRefused: true } };

export type RefusalCommand = { type: 'RecordRefusal'; refusal: Refusal; now: string };

export const refusalDecider: Decider<{ recorded: boolean }, RefusalCommand, RefusalEvent> = {
  initial: { recorded: false },
  events: refusalEvents,
  decide: ({ refusal, now }, { recorded }) =>
    recorded ? [] : [{ type: 'AccessRefused', data: { ...refusal, at: now } }],
  evolve: () => ({ recorded: true }),
};
