import { durationHistogram, meter } from '@hybrid/telemetry';

/** Seconds; a queue that was away for an hour is no reason to lose sight. */
const LATENCY_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600];

const decisions = meter.createHistogram('hybrid_routing_decision', {
  unit: 's',
  description: "From the relay's receipt of a webhook to the decision about it",
  advice: { explicitBucketBoundaries: LATENCY_BUCKETS },
});
const sendings = durationHistogram('hybrid_routing_send', 'From the decision about a delivery to its runs');
const deliveries = meter.createCounter('hybrid_routing_deliveries', {
  description: 'Messages of customers’ queues, by what became of them',
});
const pollErrors = meter.createCounter('hybrid_routing_poll_errors', {
  description: 'Customers’ queues that could not be read, by code',
});

export function decidedAfter(seconds: number | null): void {
  if (seconds !== null) decisions.record(seconds);
}

/** @param begun what `performance.now()` said. */
export function sentAfter(begun: number): void {
  sendings.since(begun, {});
}

export function ended(outcome: 'sent' | 'failed' | 'refused' | 'duplicate'): void {
  deliveries.add(1, { outcome });
}

export function pollFailed(code: string): void {
  pollErrors.add(1, { code });
}
