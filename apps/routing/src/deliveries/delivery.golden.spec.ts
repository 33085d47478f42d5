import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { deliveryDecider } from './delivery.decider.js';
import { deliveryView } from './delivery.view.js';

describe('stored events of deliveries', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), deliveryDecider, {
    version: 1,
    digest: '87d663bf474fed27',
    begins: ['DeliveryRefused'],
  });

  it('say what was decided, and what became of it', () => {
    const routed = golden('DeliveryRouted');
    const { id } = routed.data.delivery;
    const decision = { rule: 'main', do: 'run', because: 'branch main fits "main"' };
    expect(deliveryView(id, fold(deliveryDecider, [routed]))).toEqual({
      delivery_id: id,
      connection: 'shop',
      connection_version: 3,
      status: 'ROUTED',
      delivery: routed.data.delivery,
      decisions: [{ ...decision, runs: [], message: null }],
      message: null,
      seconds: 1.25,
      at: routed.data.at,
    });
    const sent = golden('DeliverySent');
    const { runs } = sent.data.outcomes[0]!;
    expect(deliveryView(id, fold(deliveryDecider, [routed, sent]))).toMatchObject({
      status: 'SENT',
      decisions: [{ ...decision, runs }],
    });
  });

  it('say why a message was refused, and nothing of what stood in it', () => {
    const refused = golden('DeliveryRefused');
    expect(deliveryView('d1', fold(deliveryDecider, [refused]))).toEqual({
      delivery_id: 'd1',
      connection: 'shop',
      connection_version: 3,
      status: 'REFUSED',
      delivery: null,
      decisions: [],
      message: refused.data.reason,
      seconds: null,
      at: refused.data.at,
    });
  });
});
