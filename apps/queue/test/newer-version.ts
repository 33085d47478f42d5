/**
 * A queue of a later version, for rolling updates: it writes an event type that today's version does not know, and a
 * field more in every event of a job.
 */
import { isRejection } from '@hybrid/decider';
import { runService } from '@hybrid/service';
import { QueueModule } from '../src/app.module.js';
import { jobDecider } from '../src/jobs/job.decider.js';
import { jobEvents, type JobEvent } from '../src/jobs/job.events.js';
import { jobPublisher } from '../src/jobs/job.publisher.js';

interface JobAdmired {
  type: 'JobAdmired';
  data: { run_id: null; at: string };
}

/** After these the job is not over, so that something may follow. */
const ADMIRED = ['JobEnqueued', 'JobStarted'];

const { decide, evolve } = jobDecider;
const { publish } = jobPublisher;

Object.assign(jobEvents.today, { JobAdmired: true });
jobDecider.decide = (command, state) => {
  const decision = decide(command, state);
  if (isRejection(decision)) return decision;
  return decision.flatMap((event) => {
    const written = {
      ...event,
      data: { ...event.data, written_by: 'a later version' },
    } as unknown as JobEvent;
    const admired: JobAdmired = { type: 'JobAdmired', data: { run_id: null, at: event.data.at } };
    return ADMIRED.includes(event.type) ? [written, admired as unknown as JobEvent] : [written];
  });
};
jobDecider.evolve = (state, event) => (isAdmired(event) ? state : evolve(state, event));
jobPublisher.publish = (stored) => (isAdmired(stored.event) ? null : publish(stored));

function isAdmired(event: { type: string }): boolean {
  return event.type === 'JobAdmired';
}

await runService('queue', QueueModule);
