import { describe, expect, it } from '@jest/globals';
import { fold, isRejection } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import {
  cancel,
  claim,
  close,
  complete,
  enqueue,
  expire,
  release,
  report,
  requeue,
  revokeSlot,
  setPriority,
  start,
  story,
  timeOutAttempt,
  timeOutInQueue,
} from './job.fixtures.js';

const wants = { queue_timeout_seconds: 60 };
const running = [enqueue(wants), claim('a'), start(1, 'a')];
const histories: Record<string, JobCommand[]> = {
  QUEUED: [enqueue(wants)],
  CLAIMED: [enqueue(wants), claim('a')],
  RUNNING: running,
  COMPLETED: [...running, complete(1, 'a', 0)],
  FAILED: [enqueue(wants), timeOutInQueue(60)],
  DEAD_LETTERED: [...running, complete(1, 'a', 1), claim('b', 10), complete(2, 'b', 1)],
  CANCELLED: [...running, cancel],
};

const commands: Record<string, JobCommand> = {
  EnqueueJob: enqueue(wants),
  ClaimJob: claim('b', 20),
  StartJob: start(1, 'a'),
  ReportProgress: report(1, 'a', 9, { percent: 5 }),
  'CompleteJob:0': complete(1, 'a', 0),
  'CompleteJob:1': complete(1, 'a', 1),
  ReleaseJob: release(1, 'a'),
  'CloseJob:0': close(0),
  'CloseJob:1': close(1),
  TimeOutAttempt: timeOutAttempt(1),
  TimeOutInQueue: timeOutInQueue(60),
  ExpireLease: expire(1),
  SetPriority: setPriority('CRITICAL'),
  CancelJob: cancel,
  RequeueJob: requeue,
  RevokeSlot: revokeSlot(1, 0),
};

/** Events without their `Job`, `-` for none; in small letters the code of the rejection. */
const table = `
                QUEUED          CLAIMED               RUNNING               COMPLETED           FAILED              DEAD_LETTERED       CANCELLED
EnqueueJob      -               -                     -                     -                   -                   -                   -
ClaimJob        Claimed         job_not_available     job_not_available     job_not_available   job_not_available   job_not_available   job_not_available
StartJob        lease_lost      Started               -                     lease_lost          lease_lost          lease_lost          lease_lost
ReportProgress  lease_lost      -                     Progressed            lease_lost          lease_lost          lease_lost          lease_lost
CompleteJob:0   lease_lost      Completed             Completed             -                   lease_lost          lease_lost          lease_lost
CompleteJob:1   lease_lost      Failed,Requeued       Failed,Requeued       -                   lease_lost          lease_lost          lease_lost
ReleaseJob      lease_lost      Released,Requeued     Released,Requeued     lease_lost          lease_lost          lease_lost          lease_lost
CloseJob:0      job_not_claimed Completed             Completed             job_finished        job_finished        job_finished        job_finished
CloseJob:1      Failed          Failed                Failed                job_finished        job_finished        job_finished        job_finished
TimeOutAttempt  -               -                     TimedOut,Requeued     -                   -                   -                   -
TimeOutInQueue  QueueTimedOut   -                     -                     -                   -                   -                   -
ExpireLease     -               LeaseExpired,Requeued LeaseExpired,Requeued -                   -                   -                   -
SetPriority     PriorityChanged PriorityChanged       PriorityChanged       job_finished        job_finished        job_finished        job_finished
CancelJob       Cancelled       Cancelled             Cancelled             job_finished        job_finished        job_finished        -
RequeueJob      -               job_not_requeueable   job_not_requeueable   job_not_requeueable Requeued            Requeued            job_not_requeueable
RevokeSlot      SlotRevoked     -                     -                     -                   -                   -                   -
`;

const [statuses, ...rows] = table
  .trim()
  .split('\n')
  .map((line) => line.trim().split(/ +/)) as [string[], ...string[][]];

describe('every command in every status', () => {
  it('is in the table', () => {
    expect(statuses).toEqual(Object.keys(histories));
    expect(rows.map(([name]) => name)).toEqual(Object.keys(commands));
  });

  it.each(rows)('%s', (name, ...expected) => {
    const decided = statuses.map((status) => {
      const history = story(...histories[status]!);
      expect(fold(jobDecider, history).status).toBe(status);
      const { decision } = given(jobDecider, ...history).when(commands[name]!);
      if (isRejection(decision)) return decision.rejected;
      return decision.map(({ type }) => type.replace(/^Job/, '')).join() || '-';
    });
    expect(decided).toEqual(expected);
  });

  it.each(Object.keys(commands).slice(1))('%s of a job that is not there is refused', (name) => {
    given(jobDecider).when(commands[name]!).thenRejected('job_not_found');
  });
});
