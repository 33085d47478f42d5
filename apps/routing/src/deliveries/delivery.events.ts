/** The facts of stream `delivery-<id>`: what was decided, before anything is done about it, and what became of it. */
import type { Delivery, RouteDecision } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';
import type { Decision } from '@hybrid/net-zero';

export type DeliveryEvent =
  | { type: 'DeliveryRouted'; data: DeliveryRouted }
  | { type: 'DeliverySent'; data: DeliverySent }
  | { type: 'DeliveryRefused'; data: DeliveryRefused };

export const deliveryEvents: EventTypes<DeliveryEvent> = {
  today: { DeliveryRouted: true, DeliverySent: true, DeliveryRefused: true },
};

export interface DeliveryRouted {
  delivery: Delivery;
  connection: string;
  connection_version: number;
  decisions: Decision[];
  /** From the relay's receipt to the decision; null where the clocks disagree. */
  seconds: number | null;
  at: string;
}

/** Of one decision: what runs, or why nothing does. */
export interface Outcome extends Pick<RouteDecision, 'runs' | 'message'> {
  /** Refused for good. */
  failed: boolean;
}

export interface DeliverySent {
  /** One for each decision, in their order. */
  outcomes: Outcome[];
  at: string;
}

/** Of the message nothing is kept but its digest: who wrote it is not known. */
export interface DeliveryRefused {
  connection: string;
  connection_version: number;
  message_sha256: string;
  /** `unknown_relay`, `bad_signature` … */
  code: string;
  reason: string;
  at: string;
}
