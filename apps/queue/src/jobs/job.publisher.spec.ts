import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@hybrid/event-store';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobEvent } from './job.events.js';
import { jobPublisher } from './job.publisher.js';

const folder = join(import.meta.dirname, 'golden');
const published = (type: string) => {
  const event = JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as JobEvent;
  return jobPublisher.publish({ event, thingId: 'j1' } as StoredEvent<JobEvent>);
};
const attempt = { attempt: 1, agent_id: 'agent-1' };
const progress = { percent: 40, message: 'linking', at: '2030-01-02T03:04:30.000Z' };

describe('what others see of a job', () => {
  it.each([
    ['JobEnqueued', 'enqueued', { status: 'QUEUED', priority: 'HIGH' }],
    ['JobClaimed', 'claimed', { status: 'CLAIMED', ...attempt }],
    ['JobStarted', 'started', { status: 'RUNNING', ...attempt }],
    ['JobProgressed', 'progressed', { status: 'RUNNING', ...attempt, progress }],
    ['JobCompleted', 'completed', { status: 'COMPLETED', exit_code: 0, final: true }],
    ['JobFailed', 'failed', { status: 'FAILED', exit_code: 2, final: false }],
    ['JobTimedOut', 'timed-out', { status: 'FAILED', ...attempt, exit_code: 124, final: false }],
    ['JobLeaseExpired', 'lease-expired', { status: 'FAILED', ...attempt, final: false }],
    ['JobReleased', 'released', { status: 'QUEUED', ...attempt, error_message: 'the machine is taken away' }],
    ['JobRequeued', 'requeued', { status: 'QUEUED', final: false }],
    ['JobPriorityChanged', 'priority-changed', { status: 'QUEUED', priority: 'CRITICAL' }],
    ['JobQueueTimedOut', 'queue-timed-out', { status: 'FAILED', final: true }],
    ['JobDeadLettered', 'dead-lettered', { status: 'DEAD_LETTERED', final: true }],
    ['JobCancelled', 'cancelled', { status: 'CANCELLED', final: true, error_message: 'enough' }],
  ])('%s is told as %s', (type, event, data) => {
    const run_id = '5b1f0c52-7d0e-4a1f-9a51-0d5f0c6d2f11';
    expect(published(type)).toMatchObject({ noun: 'job', event, data: { job_id: 'j1', run_id, ...data } });
  });

  it('is not how claims are fenced', () => {
    expect(published('JobSlotRevoked')).toBeNull();
  });

  it('is never its spec, or what an agent needs to act for it', () => {
    for (const file of readdirSync(folder)) {
      const told = JSON.stringify(published(file.replace('.json', '')));
      expect(told).not.toMatch(/"spec"|"env"|lease_token|"digest"/);
    }
  });
});
