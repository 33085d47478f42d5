/** The JetStream streams. All are bounded and disposable: the event store is the truth. */
import { EVENTS_STREAM, LOGS_STREAM, PARKED_STREAM } from '@hybrid/contracts';
import {
  jetstreamManager,
  DiscardPolicy,
  JetStreamApiError,
  RetentionPolicy,
  StorageType,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';

const DAY_MS = 24 * 3600 * 1000;
const GIB = 1024 ** 3;
/** The longest that a relay may need to repeat a publish whose acknowledgement it lost. */
const DUPLICATE_WINDOW_MS = 2 * 60 * 1000;

/** Creates the streams where they are missing; safe to call from every service at every start. */
export async function ensureStreams(nats: NatsConnection): Promise<void> {
  const manager = await jetstreamManager(nats);
  const shared = {
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
  // Events have no age: a relay goes on after its last one, and would begin anew were that gone.
  const streams = [
    { ...shared, name: EVENTS_STREAM, subjects: ['evt.>'], max_bytes: GIB },
    { ...shared, name: LOGS_STREAM, subjects: ['log.>'], max_age: nanos(7 * DAY_MS), max_bytes: 4 * GIB },
    // One copy of an event for each consumer that gave it up, however often it did.
    {
      ...shared,
      name: PARKED_STREAM,
      subjects: ['parked.>'],
      max_msgs_per_subject: 1,
      max_age: nanos(90 * DAY_MS),
      max_bytes: GIB / 4,
    },
  ];
  for (const stream of streams) {
    try {
      await manager.streams.info(stream.name);
    } catch (error) {
      if (!(error instanceof JetStreamApiError && error.status === 404)) throw error;
      await manager.streams.add(stream);
    }
  }
}
