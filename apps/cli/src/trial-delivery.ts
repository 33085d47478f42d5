/** Deliveries for trying out rules: what a relay would add to an event is made up where it is left out. */
import { createHash } from 'node:crypto';
import type { Delivery } from '@hybrid/contracts';
import { deliveryId, faultOf } from '@hybrid/delivery';
import { receive, type ToolConfig } from '@hybrid/webhooks';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { webhookHeaders } from './webhook-headers.js';

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

export interface TrialWebhook {
  tool: ToolConfig;
  source: string;
  /** The host's name of it. */
  event: string;
  body: Buffer;
}

/** What a relay would make of a webhook; `ignored`: why nothing. It is signed with a secret made up for it. */
export function trialWebhook({ tool, source, event, body }: TrialWebhook): {
  deliveries: Delivery[];
  leftOut: string[];
  ignored: string | null;
} {
  const secret = `whsec_${Buffer.from('a secret for trying out').toString('base64')}`;
  const headers = webhookHeaders(tool, { event, secret, body, now: new Date() });
  const received = receive(tool, { headers: { ...headers, 'content-type': 'application/json' }, body }, [
    secret,
  ]);
  if (received.refusal)
    throw new CommandError(`a relay would refuse it: ${received.refusal.detail}`, EXIT.failed);
  const keyed_sha256 = createHash('sha256').update(body).digest('hex');
  const payload = { bytes: body.byteLength, keyed_sha256, key_id: 'none' };
  return {
    deliveries: received.events.map((reduced) =>
      trialDelivery({ ...reduced, source, tool: tool.tool, payload }, 'the webhook'),
    ),
    leftOut: received.leftOut,
    ignored: received.ignored,
  };
}
