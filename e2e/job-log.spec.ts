import { describe, expect, it } from '@jest/globals';
import { checkJobLog, type Acknowledged, type JobLogEvent } from './job-log.js';

type Told = [type: string, data?: Record<string, unknown>];

const enqueued: Told = ['JobEnqueued'];
const claimed = (attempt: number, agent_id = 'a'): Told => [
  'JobClaimed',
  { attempt, agent_id, lease_token: `token-${attempt}` },
];
const started = (attempt: number, agent_id = 'a'): Told => ['JobStarted', { attempt, agent_id }];
const completed = (attempt: number): Told => ['JobCompleted', { attempt, exit_code: 0 }];
const failed = (attempt: number, final = false): Told => ['JobFailed', { attempt, exit_code: 1, final }];
const expired = (attempt: number, agent_id = 'a'): Told => ['JobLeaseExpired', { attempt, agent_id }];
const requeued = (reason = 'failed'): Told => ['JobRequeued', { reason }];
const cancelled: Told = ['JobCancelled'];
const deadLettered: Told = ['JobDeadLettered'];

/** The events of one job, numbered as an event store does. */
function log(...told: Told[]): JobLogEvent[] {
  return told.map(([type, data = {}], index) => ({
    position: BigInt(index * 10),
    jobId: 'j',
    revision: BigInt(index),
    type,
    data,
  }));
}

const said = (events: JobLogEvent[], acknowledged?: Acknowledged) =>
  checkJobLog(events, acknowledged).violations.map(({ position, what }) => `${position} ${what}`);

describe('a log in which nothing is wrong', () => {
  it.each<[string, Told[]]>([
    ['a job that waits', [enqueued]],
    ['one attempt', [enqueued, claimed(1), started(1), completed(1)]],
    ['a start that was not heard of', [enqueued, claimed(1), completed(1)]],
    ['a second attempt', [enqueued, claimed(1), started(1), failed(1), requeued(), claimed(2), completed(2)]],
    ['a lost agent', [enqueued, claimed(1), expired(1), requeued('lease_expired'), claimed(2)]],
    [
      'a dead letter that is queued again',
      [enqueued, claimed(1), failed(1), deadLettered, requeued('requested'), claimed(2)],
    ],
    [
      'a waiting job that a person gave up',
      [enqueued, ['JobFailed', { attempt: 0, by_hand: true, final: true }]],
    ],
    [
      'something that only a newer version knows',
      [enqueued, ['JobAdmired'], claimed(1), ['JobAdmired'], completed(1)],
    ],
  ])('%s', (_, told) => {
    expect(said(log(...told))).toEqual([]);
  });

  it('says which jobs live, and how many there were', () => {
    const verdict = checkJobLog([
      ...log(enqueued, claimed(1)),
      ...log(enqueued, cancelled).map((event) => ({ ...event, jobId: 'k', position: event.position + 100n })),
    ]);
    expect(verdict).toEqual({ jobs: 2, claims: 1, live: ['j'], violations: [] });
  });
});

describe('a planted violation', () => {
  it.each<[string, Told[], string]>([
    [
      'two claims of one attempt',
      [enqueued, claimed(1), claimed(1)],
      '20 JobClaimed: attempt 1 follows attempt 1',
    ],
    [
      'a claim of a claimed job',
      [enqueued, claimed(1), claimed(2)],
      '20 JobClaimed: the job was claimed, attempt 1',
    ],
    ['an attempt that is left out', [enqueued, claimed(2)], '10 JobClaimed: attempt 2 follows attempt 0'],
    [
      'a result of another attempt',
      [enqueued, claimed(1), expired(1), requeued('lease_expired'), claimed(2), completed(1)],
      '50 JobCompleted: it is of attempt 1, and the current one is 2',
    ],
    ['a result of a waiting job', [enqueued, completed(1)], '10 JobCompleted: the job was waiting'],
    [
      'a start by another agent',
      [enqueued, claimed(1), started(1, 'b')],
      '20 JobStarted: it is of the agent b, and the attempt is that of a',
    ],
    [
      'two starts',
      [enqueued, claimed(1), started(1), started(1)],
      '30 JobStarted: the attempt was started before',
    ],
    [
      'two ends',
      [enqueued, claimed(1), completed(1), cancelled],
      '30 JobCancelled: the job had ended with JobCompleted',
    ],
    [
      'an expiry after the end',
      [enqueued, claimed(1), completed(1), expired(1)],
      '30 JobLeaseExpired: the job had ended with JobCompleted',
    ],
    [
      'an unknown event after the end',
      [enqueued, cancelled, ['JobAdmired']],
      '20 JobAdmired: the job had ended with JobCancelled',
    ],
    [
      'a completed job that is queued again',
      [enqueued, claimed(1), completed(1), requeued('requested')],
      '30 JobRequeued: nobody may ask for that after JobCompleted',
    ],
    ['a requeue of a running job', [enqueued, claimed(1), requeued()], '20 JobRequeued: the job was claimed'],
    ['a second enqueue', [enqueued, enqueued], '10 JobEnqueued: the job was enqueued before'],
    ['a job from nowhere', [claimed(1)], '0 JobClaimed: the job was never enqueued'],
    [
      'a job that is left between',
      [enqueued, claimed(1), expired(1)],
      'null attempt 1 is over, and the job neither waits nor has ended',
    ],
  ])('%s is found', (_, told, what) => {
    expect(said(log(...told))).toContain(what);
  });

  it('in revisions and positions is found', () => {
    const events = log(enqueued, claimed(1), completed(1));
    expect(said([events[0]!, events[2]!])).toContain('20 JobCompleted: revision 2 instead of 1');
    expect(said([events[0]!, { ...events[1]!, position: -5n }])).toContain(
      '-5 JobClaimed: it stands after the position 0',
    );
  });

  it('of a lease token that two claims share is found', () => {
    const other = log(enqueued, claimed(1)).map((event) => ({ ...event, jobId: 'k' }));
    expect(said([...log(enqueued, claimed(1)), ...other])).toContain(
      '10 JobClaimed: its lease token is that of job j, attempt 1',
    );
  });

  it('of something acknowledged that is not there is found', () => {
    const acknowledged = { enqueued: ['j', 'gone'], completed: [{ id: 'j', attempt: 2 }], cancelled: ['j'] };
    expect(said(log(enqueued, claimed(1), completed(1)), acknowledged)).toEqual([
      'null its enqueue was acknowledged, and it is not in the log',
      'null the result of attempt 2 was acknowledged, and is not in the log',
      'null its cancellation was acknowledged, and is not in the log',
    ]);
  });
});
