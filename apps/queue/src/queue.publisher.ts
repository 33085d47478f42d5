import type { Publisher } from '@hybrid/event-store';
import type { StoredEvent } from '@hybrid/event-store';
import type { JobEvent } from './jobs/job.events.js';
import { jobPublisher } from './jobs/job.publisher.js';
import type { JobPoolEvent } from './pools/job-pool.events.js';
import { jobPoolPublisher } from './pools/job-pool.publisher.js';

/** One for the whole service, as one relay carries all of its events. */
export const queuePublisher: Publisher<JobEvent | JobPoolEvent> = {
  service: 'queue',
  prefixes: [...jobPublisher.prefixes, ...jobPoolPublisher.prefixes],
  events: { today: { ...jobPublisher.events.today, ...jobPoolPublisher.events.today } },
  publish: (stored) =>
    stored.category === 'job'
      ? jobPublisher.publish(stored as StoredEvent<JobEvent>)
      : jobPoolPublisher.publish(stored as StoredEvent<JobPoolEvent>),
};
