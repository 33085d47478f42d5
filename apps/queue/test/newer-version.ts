/**
 * A queue of a later version, for rolling updates: it writes a field more in every event of a job, and event types that
 * today's version does not know. One of them says nothing to it; the others end a job, make it wait again and delay it.
 */
import { downcast, isRejection, type Fact } from '@hybrid/decider';
import { runService } from '@hybrid/service';
import { jobDecider } from '../src/jobs/job.decider.js';
import { jobEvents, type JobEvent } from '../src/jobs/job.events.js';
import { jobPublisher } from '../src/jobs/job.publisher.js';

type Data<T extends JobEvent['type']> = (JobEvent & { type: T })['data'];
type Requeued = Data<'JobRequeued'>;

/** Jobs of this name may not be claimed at once. */
const POSTPONED = 'postponed';
const POSTPONED_MS = 2_000;

const later: Record<string, (data: never) => Fact | null> = {
  JobAdmired: () => null,
  JobArchived: (data: Data<'JobCancelled'>) => ({ type: 'JobCancelled', data }),
  JobReturned: (data: Requeued) => ({ type: 'JobRequeued', data }),
  JobPostponed: (data: Omit<Requeued, 'reason'>) => ({
    type: 'JobRequeued',
    data: { ...data, reason: 'released' },
  }),
};

/** What this version writes in place of an event of today's, or after it. */
function written(event: JobEvent): Fact[] {
  const { at, run_id } = event.data;
  switch (event.type) {
    case 'JobEnqueued': {
      const admired = { type: 'JobAdmired', data: { run_id, at } };
      const available_at = new Date(Date.parse(at) + POSTPONED_MS).toISOString();
      const postponed = { type: 'JobPostponed', data: { run_id, available_at, at } };
      return event.data.name === POSTPONED ? [event, postponed] : [event, admired];
    }
    case 'JobCancelled':
      return [{ ...event, type: 'JobArchived' }];
    case 'JobRequeued':
      return event.data.reason === 'requested' ? [event] : [{ ...event, type: 'JobReturned' }];
    default:
      return [event];
  }
}

/** Null: it changes nothing, and nobody else needs to know. */
const asToday = (event: Fact): JobEvent | null =>
  Object.hasOwn(later, event.type)
    ? (downcast({ today: {}, downcasts: later }, event) as JobEvent | null)
    : (event as JobEvent);

const { decide, evolve } = jobDecider;
const { publish } = jobPublisher;

for (const type of Object.keys(later)) Object.assign(jobEvents.today, { [type]: true });
Object.assign(jobEvents, { downcasts: later });
jobDecider.decide = (command, state) => {
  const decision = decide(command, state);
  if (isRejection(decision)) return decision;
  return decision
    .flatMap(written)
    .map(
      ({ type, data }) => ({ type, data: { ...data, written_by: 'a later version' } }) as unknown as JobEvent,
    );
};
jobDecider.evolve = (state, event) => {
  const known = asToday(event);
  return known ? evolve(state, known) : state;
};
jobPublisher.publish = (stored) => {
  const event = asToday(stored.event);
  return event && publish({ ...stored, event });
};

// Only now: versions of read models, and what the relay knows, are made of the types when their modules are loaded.
const { QueueModule } = await import('../src/app.module.js');
await runService('queue', QueueModule);
