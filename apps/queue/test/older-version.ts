/**
 * A queue of an earlier version, for rolling updates: it has neither the requests nor the event types that came since.
 * Those that change who is next are not among them: a version that does not know them gives jobs out by other rules.
 */
import { runService } from '@hybrid/service';
import { QueueModule } from '../src/app.module.js';
import { JobController } from '../src/jobs/job.controller.js';
import { jobEvents } from '../src/jobs/job.events.js';

const TYPES = ['JobProgressed', 'JobReleased', 'JobSlotRevoked'];
const HANDLERS = ['report', 'release'];

for (const type of TYPES) Reflect.deleteProperty(jobEvents.today, type);
for (const handler of HANDLERS) Reflect.deleteProperty(JobController.prototype, handler);

await runService('queue', QueueModule);
