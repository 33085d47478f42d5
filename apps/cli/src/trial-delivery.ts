/** A delivery for trying out rules: what a relay would add to an event is made up where it is left out. */
import type { Delivery } from '@hybrid/contracts';
import { deliveryId, faultOf } from '@hybrid/delivery';
import { UsageError } from './errors.js';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** `from`: the file, for messages. Throws UsageError where it is none. */
export function trialDelivery(event: object, from: string): Delivery {
  const made = {
    v: 1,
    relay_id: NOBODY,
    action: null,
    delivery: null,
    received_at: '2026-01-01T00:00:00Z',
    payload: { bytes: 0, keyed_sha256: '0'.repeat(64), key_id: 'none' },
    metadata: {},
    ...event,
  } as Delivery;
  const { source, payload, part } = made;
  // Whoever changes an event to try it need not know how its id is made.
  const delivery: Delivery = { ...made, id: deliveryId(String(source), String(payload?.keyed_sha256), part) };
  const fault = faultOf(delivery);
  if (fault !== null) throw new UsageError(`${from} is no delivery: ${fault}`);
  return delivery;
}
