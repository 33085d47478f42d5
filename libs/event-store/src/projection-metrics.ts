/** Gauges of every read model of this process. Each replica reports what the tables say: take one of them, or the max. */
import { meter } from '@hybrid/telemetry';
import type { BatchObservableResult } from '@opentelemetry/api';
import type { EventStoreDBClient } from '@eventstore/db-client';
import type { Pool } from 'pg';
import type { Projection } from './projection.js';
import { lagOf, stateOf } from './projection-status.js';

const position = meter.createObservableGauge('hybrid_projection_position', {
  description: 'Commit position up to which a read model has handled the log',
});
const lag = meter.createObservableGauge('hybrid_projection_lag', {
  unit: 's',
  description: 'Age of the oldest event that a read model has not handled; 0 where there is none',
});
const lagEvents = meter.createObservableGauge('hybrid_projection_lag_events', {
  description: 'Events that a read model has not handled; 1000 is so many or more',
});
const parked = meter.createObservableGauge('hybrid_projection_parked_events', {
  description: 'Events that a read model could not take: somebody has to look',
});
const GAUGES = [position, lag, lagEvents, parked];

/** Reports until the answered function is called. A server that does not answer leaves a gap. */
export function observeProjection(
  client: EventStoreDBClient,
  pool: Pool,
  projection: Projection,
): () => void {
  const attributes = { service: projection.schema, projection: projection.name };
  const observe = async (result: BatchObservableResult) => {
    const state = await stateOf(pool, projection);
    result.observe(parked, state.parked, attributes);
    result.observe(position, Number(state.checkpoint?.commit ?? 0n), attributes);
    const behind = await lagOf(client, projection.prefixes, state.checkpoint);
    result.observe(lag, behind.lag_seconds, attributes);
    result.observe(lagEvents, behind.lag_events, attributes);
  };
  meter.addBatchObservableCallback(observe, GAUGES);
  return () => meter.removeBatchObservableCallback(observe, GAUGES);
}
