/** Jobs and what is asked of them, for specs. Times count in seconds since the job was enqueued. */
import { isRejection } from '@hybrid/decider';
import type { Slot } from '../groups/slot.js';
import type { EnqueueJob, JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { ClaimDecision, JobEvent } from './job.events.js';

export const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) + seconds * 1000).toISOString();

const request: EnqueueJob['request'] = {
  job_id: 'j1',
  run_id: 'r1',
  max_attempts: 2,
  backoff_seconds: 10,
  backoff_jitter: 0,
  spec: { step: { id: 'test', name: 'test', type: 'step.shell_exec', config: {} } },
};

export const decision: ClaimDecision = {
  pool: 'default',
  pipeline_id: null,
  labels: {},
  capabilities: [],
  seen: '1000',
  replica: 'replica-1',
  turn: 1,
  ageing_seconds: 600,
};

export const enqueue = (wants: Partial<EnqueueJob['request']> = {}): JobCommand => ({
  type: 'EnqueueJob',
  request: { ...request, ...wants },
  digest: JSON.stringify(wants),
  now: at(0),
});

export const claim = (agent: string, when = 0, slot: Slot | null = null): JobCommand => ({
  type: 'ClaimJob',
  agent_id: agent,
  lease_token: `lease-${agent}`,
  lease_expires_at: at(when + 30),
  decision,
  slot,
  now: at(when),
});

const of = (attempt: number, agent: string, when: number) => ({
  attempt,
  agent_id: agent,
  lease_token: `lease-${agent}`,
  now: at(when),
});

export const start = (attempt: number, agent: string, when = 0): JobCommand => ({
  type: 'StartJob',
  ...of(attempt, agent, when),
});

export const report = (
  attempt: number,
  agent: string,
  when: number,
  progress: { percent?: number; message?: string },
): JobCommand => ({ type: 'ReportProgress', ...progress, ...of(attempt, agent, when) });

export const complete = (attempt: number, agent: string, exit_code: number, chance = 0): JobCommand => ({
  type: 'CompleteJob',
  exit_code,
  chance,
  ...of(attempt, agent, 0),
});

export const release = (attempt: number, agent: string): JobCommand => ({
  type: 'ReleaseJob',
  reason: 'the machine is taken away',
  ...of(attempt, agent, 0),
});

export const close = (exit_code: number): JobCommand => ({ type: 'CloseJob', exit_code, now: at(0) });

export const timeOutAttempt = (attempt: number, chance = 0): JobCommand => ({
  type: 'TimeOutAttempt',
  attempt,
  seconds: 3600,
  chance,
  now: at(0),
});

export const timeOutInQueue = (when: number): JobCommand => ({ type: 'TimeOutInQueue', now: at(when) });

export const expire = (attempt: number, reason?: string): JobCommand => ({
  type: 'ExpireLease',
  attempt,
  reason,
  now: at(0),
});

export const setPriority = (priority: 'CRITICAL' | 'NORMAL'): JobCommand => ({
  type: 'SetPriority',
  priority,
  now: at(0),
});

export const cancel: JobCommand = { type: 'CancelJob', reason: 'enough', now: at(0) };

export const requeue: JobCommand = { type: 'RequeueJob', now: at(0) };

export const revokeSlot = (attempt: number, revoked: number): JobCommand => ({
  type: 'RevokeSlot',
  group: 'deploy',
  slot: { job_id: 'j1', attempt, revoked },
  now: at(0),
});

/** What is on the stream of a job after the commands, all of which must be carried out. */
export function story(...commands: JobCommand[]): JobEvent[] {
  const events: JobEvent[] = [];
  let state = jobDecider.initial;
  for (const command of commands) {
    const decided = jobDecider.decide(command, state);
    if (isRejection(decided)) throw new Error(`${command.type}: ${decided.rejected}: ${decided.detail}`);
    if (!decided.length) throw new Error(`${command.type} changes nothing`);
    events.push(...decided);
    state = decided.reduce(jobDecider.evolve, state);
  }
  return events;
}
