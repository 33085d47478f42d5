/** What must hold after every fault: the log keeps its promises, and the platform itself finds nothing wrong in it. */
import type { QueueVerification } from '@hybrid/contracts';
import { expect } from '@jest/globals';
import { checkJobLog, readJobLog, type Acknowledged, type JobLogVerdict } from './job-log.js';
import type { System } from './system.js';

/** Answers what the checker counted. */
export async function expectSoundLog(system: System, acknowledged: Acknowledged): Promise<JobLogVerdict> {
  const verdict = checkJobLog(await readJobLog(system.platform.connections.eventStore), acknowledged);
  expect(verdict.violations).toEqual([]);
  const { status, body } = await system.admin<QueueVerification>('GET /api/queue/verification');
  expect({ status, divergences: body.divergences }).toEqual({ status: 200, divergences: [] });
  expect(body).toMatchObject({ jobs: verdict.jobs, claims: verdict.claims, divergences_total: 0 });
  return verdict;
}
