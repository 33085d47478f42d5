import type { PoolChanged } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { jobPoolEvents, type JobPoolEvent } from './job-pool.events.js';

/** For whoever watches the queue: that a pool gives out no jobs, who says so and why. */
export const jobPoolPublisher: Publisher<JobPoolEvent> = {
  service: 'queue',
  prefixes: ['jobPool-'],
  events: jobPoolEvents,
  publish: ({ event }) => {
    const [name, data] = see(event);
    return { noun: 'pool', event: name, type: 'PoolChanged', data };
  },
};

function see(event: JobPoolEvent): [name: string, data: PoolChanged] {
  const { pool } = event.data;
  switch (event.type) {
    case 'JobPoolPaused': {
      const { reason, by, at } = event.data;
      return ['paused', { pool, paused: { reason, by, at } }];
    }
    case 'JobPoolResumed':
      return ['resumed', { pool, paused: null }];
  }
}
