/** What the relay counts, for its heartbeats and for Prometheus. */
import { durationHistogram, meter } from '@hybrid/telemetry';

export type Outcome = 'accepted' | 'duplicate' | 'ignored' | 'refused' | 'no_room';

const webhooks = meter.createCounter('hybrid.webhook_relay.webhooks', {
  description: 'Webhooks by source and what became of them',
});
const deliveries = meter.createCounter('hybrid.webhook_relay.deliveries_sent', {
  description: 'Deliveries that the queue has taken',
});
const duration = durationHistogram(
  'hybrid.webhook_relay.receipt_duration',
  'From the last byte of a webhook to its answer',
);

export interface Gauges {
  spooled(): number;
  spooledBytes(): number;
  lagSeconds(): number;
  queueUp(): boolean;
  controlPlaneUp(): boolean;
}

export class Tally {
  received = 0;
  refused = 0;
  duplicates = 0;
  sent = 0;

  /** `begun` is what `performance.now()` said. */
  webhook(source: string, outcome: Outcome, begun: number): void {
    this.received += 1;
    if (outcome === 'refused') this.refused += 1;
    if (outcome === 'duplicate') this.duplicates += 1;
    webhooks.add(1, { source, outcome });
    duration.since(begun, { outcome });
  }

  delivered(count: number): void {
    this.sent += count;
    deliveries.add(count);
  }
}

export function observe(gauges: Gauges): void {
  const rows: [name: string, unit: string, description: string, read: () => number][] = [
    ['spooled', '', 'Deliveries that wait on disk', gauges.spooled],
    ['spooled', 'By', 'What they take there', gauges.spooledBytes],
    ['lag', 's', 'How long the oldest of them waits', gauges.lagSeconds],
    ['queue_up', '', 'The queue took the last delivery', () => Number(gauges.queueUp())],
    [
      'control_plane_up',
      '',
      'The control plane took the last heartbeat',
      () => Number(gauges.controlPlaneUp()),
    ],
  ];
  for (const [name, unit, description, read] of rows)
    meter
      .createObservableGauge(`hybrid.webhook_relay.${name}`, { unit, description })
      .addCallback((result) => result.observe(read()));
}
