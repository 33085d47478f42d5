import { given } from '@hybrid/testing';
import { describe, it } from '@jest/globals';
import { delivery } from '../routing.fixtures.js';
import { deliveryDecider, type DeliveryCommand } from './delivery.decider.js';
import type { DeliveryEvent, DeliveryRefused, DeliveryRouted, Outcome } from './delivery.events.js';

const at = '2030-01-02T03:04:05.000Z';
const data: DeliveryRouted = {
  delivery: delivery(),
  connection: 'shop',
  connection_version: 1,
  decisions: [{ rule: null, action: { do: 'triggers' }, because: 'there are no rules' }],
  seconds: 1,
  at,
};
const { at: _, ...asked } = data;
const route = (more: Partial<DeliveryRouted> = {}): DeliveryCommand => ({
  type: 'RouteDelivery',
  ...asked,
  ...more,
  now: at,
});
const routed: DeliveryEvent = { type: 'DeliveryRouted', data };
const outcomes: Outcome[] = [{ runs: [{ pipeline: 'build', run_id: 'r1' }], message: null, failed: false }];
const record: DeliveryCommand = { type: 'RecordSent', outcomes, now: at };
const sent: DeliveryEvent = { type: 'DeliverySent', data: { outcomes, at } };
const why: Omit<DeliveryRefused, 'at'> = {
  connection: 'shop',
  connection_version: 1,
  message_sha256: 'ab'.repeat(32),
  code: 'bad_signature',
  reason: 'not signed by the relay',
};
const refuse: DeliveryCommand = { type: 'RefuseDelivery', ...why, now: at };
const refused: DeliveryEvent = { type: 'DeliveryRefused', data: { ...why, at } };

describe('a delivery', () => {
  it('is decided once: what comes later, by whatever rules, finds the decision made', () => {
    given(deliveryDecider).when(route()).then(routed);
    given(deliveryDecider, routed)
      .when(route({ connection_version: 2, decisions: [] }))
      .thenNothing();
    given(deliveryDecider, routed, sent).when(route()).thenNothing();
  });

  it('is not decided where that is more than an event holds', () => {
    const action = { do: 'run', pipeline: 'web', inputs: { text: 'é'.repeat(5_000) } } as const;
    const decisions = Array.from({ length: 100 }, (_, nth) => ({ rule: `r${nth}`, action, because: 'so' }));
    given(deliveryDecider).when(route({ decisions })).thenRejected('decision_too_large');
    given(deliveryDecider, routed).when(route({ decisions })).thenNothing();
  });

  it('is sent once, and not before it is decided', () => {
    given(deliveryDecider, routed).when(record).then(sent);
    given(deliveryDecider, routed, sent).when(record).thenNothing();
    given(deliveryDecider).when(record).thenNothing();
  });

  it('is refused once, and not after it was decided', () => {
    given(deliveryDecider).when(refuse).then(refused);
    given(deliveryDecider, refused).when(refuse).thenNothing();
    given(deliveryDecider, refused).when(route()).thenNothing();
    given(deliveryDecider, routed).when(refuse).thenNothing();
  });
});
