/**
 * A delivery: decided once, whoever gets it and however often.
 *
 *   (none) ──route──► ROUTED ──send──► SENT | FAILED
 *   (none) ──refuse──► REFUSED
 *
 * Rejections: decision_too_large.
 */
import type { DeliveryStatus } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import {
  deliveryEvents,
  type DeliveryEvent,
  type DeliveryRefused,
  type DeliveryRouted,
  type Outcome,
} from './delivery.events.js';

/** An append holds 1 MiB. Texts of rules may write the same value of an event many times. */
const MAX_EVENT_BYTES = 900_000;

export interface DeliveryState {
  routed: DeliveryRouted | null;
  refused: DeliveryRefused | null;
  /** Null: not all of it is done. */
  outcomes: Outcome[] | null;
}

export type DeliveryCommand =
  | ({ type: 'RouteDelivery'; now: string } & Omit<DeliveryRouted, 'at'>)
  | { type: 'RecordSent'; outcomes: Outcome[]; now: string }
  | ({ type: 'RefuseDelivery'; now: string } & Omit<DeliveryRefused, 'at'>);

export const deliveryDecider: Decider<DeliveryState, DeliveryCommand, DeliveryEvent> = {
  initial: { routed: null, refused: null, outcomes: null },
  events: deliveryEvents,
  decide,
  evolve,
};

export function deliveryStatus({ refused, outcomes }: DeliveryState): DeliveryStatus {
  if (refused) return 'REFUSED';
  if (!outcomes) return 'ROUTED';
  return outcomes.some(({ failed }) => failed) ? 'FAILED' : 'SENT';
}

/** The first decision stands: rules that changed since are for deliveries that come now. */
function decide(
  command: DeliveryCommand,
  { routed, refused, outcomes }: DeliveryState,
): DeliveryEvent[] | Rejection {
  const at = command.now;
  switch (command.type) {
    case 'RouteDelivery': {
      if (routed || refused) return [];
      const { type: _, now: __, ...data } = command;
      if (Buffer.byteLength(JSON.stringify(data)) > MAX_EVENT_BYTES)
        return reject(
          'decision_too_large',
          `what ${data.decisions.length} rules want has more than ${MAX_EVENT_BYTES} bytes: let fewer fit, or shorten their texts, and send it again`,
          'invalid',
        );
      return [{ type: 'DeliveryRouted', data: { ...data, at } }];
    }
    case 'RecordSent':
      return routed && !outcomes ? [{ type: 'DeliverySent', data: { outcomes: command.outcomes, at } }] : [];
    case 'RefuseDelivery': {
      if (routed || refused) return [];
      const { type: _, now: __, ...data } = command;
      return [{ type: 'DeliveryRefused', data: { ...data, at } }];
    }
  }
}

function evolve(state: DeliveryState, event: DeliveryEvent): DeliveryState {
  switch (event.type) {
    case 'DeliveryRouted':
      return { ...state, routed: event.data };
    case 'DeliverySent':
      return state.routed ? { ...state, outcomes: event.data.outcomes } : state;
    case 'DeliveryRefused':
      return { ...state, refused: event.data };
  }
}
