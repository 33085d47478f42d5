import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { given } from '@hybrid/testing';
import type { JobCommand } from './job.commands.js';
import { jobDecider } from './job.decider.js';
import type { JobEvent } from './job.events.js';
import {
  at,
  claim,
  close,
  complete,
  enqueue,
  expire,
  release,
  start,
  story,
  timeOutAttempt,
} from './job.fixtures.js';
import { jobView } from './job.view.js';

const job = (...history: JobEvent[]) => given(jobDecider, ...history);
const view = (...history: JobEvent[]) => jobView(fold(jobDecider, history));

describe('a failure', () => {
  const after = (wants: Parameters<typeof enqueue>[0], ...commands: JobCommand[]) => {
    const begin = [enqueue({ max_attempts: 20, ...wants }), claim('a'), start(1, 'a')];
    return story(...begin, ...commands).slice(begin.length);
  };
  const pause = (events: JobEvent[]) => {
    const last = events.at(-1)!;
    if (last.type !== 'JobRequeued') throw new Error(last.type);
    return (Date.parse(last.data.available_at) - Date.parse(last.data.at)) / 1000;
  };

  it('is tried again when its pause is over', () => {
    const failed = story(enqueue(), claim('a'), start(1, 'a'), complete(1, 'a', 1));
    job(...failed)
      .when(claim('b', 9.999))
      .thenRejected('job_not_available');
    job(...failed)
      .when(claim('b', 10))
      .thenTypes('JobClaimed');
  });

  it('makes a longer pause each time, up to the longest', () => {
    const wants = { backoff_factor: 3, max_backoff_seconds: 100 };
    const fails = (count: number) =>
      Array.from({ length: count }, (_, n) => [complete(n + 1, 'a', 1), claim('a', 100_000)])
        .flat()
        .slice(0, -1);
    expect([1, 2, 3, 4].map((count) => pause(after(wants, ...fails(count))))).toEqual([10, 30, 90, 100]);
    expect(pause(after({ backoff_factor: 10, max_backoff_seconds: 86_400 }, ...fails(19)))).toBe(86_400);
  });

  it('leaves its share of the pause to chance', () => {
    const pauses = [0, 0.5, 1].map((chance) =>
      pause(after({ backoff_jitter: 0.2 }, complete(1, 'a', 1, chance))),
    );
    expect(pauses).toEqual([10, 9, 8]);
  });

  it('is tried again only with the exit codes that are worth it', () => {
    const wants = { retry_on_exit_codes: [75] };
    expect(after(wants, complete(1, 'a', 75)).map(({ type }) => type)).toEqual(['JobFailed', 'JobRequeued']);
    expect(after(wants, complete(1, 'a', 1)).map(({ type }) => type)).toEqual([
      'JobFailed',
      'JobDeadLettered',
    ]);
    expect(after({ ...wants, on_exhausted: 'fail' }, complete(1, 'a', 1))).toMatchObject([
      { type: 'JobFailed', data: { final: true } },
    ]);
    expect(after({ retry_on_exit_codes: [] }, complete(1, 'a', 75))).toHaveLength(2);
  });

  it('goes to the dead letters when the attempts are used up, or is just final', () => {
    const second = [complete(1, 'a', 1), claim('b', 10), start(2, 'b'), complete(2, 'b', 7)];
    expect(after({ max_attempts: 2 }, ...second).at(-1)).toMatchObject({ type: 'JobDeadLettered' });
    expect(after({ max_attempts: 2, on_exhausted: 'fail' }, ...second).at(-1)).toMatchObject({
      type: 'JobFailed',
      data: { final: true, exit_code: 7 },
    });
  });

  it('is an attempt that ran for too long, as if it had ended with 124', () => {
    const timedOut = story(enqueue(), claim('a'), start(1, 'a'), timeOutAttempt(1));
    expect(timedOut.slice(-2)).toMatchObject([
      { type: 'JobTimedOut', data: { attempt: 1, agent_id: 'a', seconds: 3600, final: false } },
      { type: 'JobRequeued', data: { reason: 'timed_out', available_at: at(10) } },
    ]);
    expect(view(...timedOut)).toMatchObject({
      exit_code: 124,
      error_message: 'it ran for longer than 3600 s',
    });
    job(...timedOut)
      .when(complete(1, 'a', 0))
      .thenRejected('lease_lost');
    // Said of the attempt before, when the next one runs.
    const next = story(
      enqueue(),
      claim('a'),
      start(1, 'a'),
      timeOutAttempt(1),
      claim('b', 10),
      start(2, 'b'),
    );
    job(...next)
      .when(timeOutAttempt(1))
      .thenNothing();
    expect(after({ retry_on_exit_codes: [1] }, timeOutAttempt(1)).at(-1)).toMatchObject({
      data: { reason: 'timed_out' },
      type: 'JobDeadLettered',
    });
    expect(pause(after({ retry_on_exit_codes: [124], backoff_jitter: 1 }, timeOutAttempt(1, 0.5)))).toBe(5);
  });
});

describe('a job that loses its agent', () => {
  const running = story(enqueue(), claim('a'), start(1, 'a'));

  it('is given to another at once, as often as it is said', () => {
    const lost = story(enqueue(), claim('a'), start(1, 'a'), expire(1, 'no heartbeat for 60 s'));
    expect(lost.at(-1)?.data).toMatchObject({ reason: 'lease_expired', available_at: at(0) });
    expect(view(...lost).error_message).toBe('the agent a was lost during attempt 1: no heartbeat for 60 s');
    job(...lost)
      .when(expire(1))
      .thenNothing();
    job(...running)
      .when(expire(2))
      .thenNothing();
  });

  it('is given up the third time', () => {
    const loss = (attempt: number) => [claim('a'), start(attempt, 'a'), expire(attempt)];
    const twice = story(enqueue(), ...loss(1), ...loss(2));
    expect(twice.at(-1)?.type).toBe('JobRequeued');
    expect(story(enqueue(), ...loss(1), ...loss(2), ...loss(3)).at(-1)).toMatchObject({
      type: 'JobDeadLettered',
      data: { reason: 'lease_expired' },
    });
  });

  it('has done nothing to it where it was not started: given up the tenth time in a row', () => {
    const silence = (from: number, count: number) =>
      Array.from({ length: count }, (_, n) => [claim('a'), expire(from + n)]).flat();
    expect(story(enqueue(), ...silence(1, 9)).at(-1)?.type).toBe('JobRequeued');
    expect(story(enqueue(), ...silence(1, 10)).at(-1)?.type).toBe('JobDeadLettered');
    const between = [claim('a'), start(10, 'a'), release(10, 'a')];
    expect(story(enqueue(), ...silence(1, 9), ...between, ...silence(11, 9)).at(-1)?.type).toBe(
      'JobRequeued',
    );
  });
});

describe('a job that is handed back', () => {
  const released = story(enqueue(), claim('a'), start(1, 'a'), release(1, 'a'));

  it('waits again at once, neither failed nor lost', () => {
    expect(released.at(-1)?.data).toMatchObject({ reason: 'released', available_at: at(0) });
    expect(fold(jobDecider, released)).toMatchObject({ status: 'QUEUED', failures: 0, losses: 0 });
    const often = Array.from({ length: 30 }, (_, n) => [claim('a'), start(n + 1, 'a'), release(n + 1, 'a')]);
    expect(fold(jobDecider, story(enqueue(), ...often.flat())).status).toBe('QUEUED');
  });

  it('is handed back once, and gets no result from that attempt any more', () => {
    job(...released)
      .when(release(1, 'a'))
      .thenNothing();
    job(...released)
      .when(release(1, 'b'))
      .thenRejected('lease_lost');
    job(...released)
      .when(complete(1, 'a', 0))
      .thenRejected('lease_lost');
    job(...story(enqueue(), claim('a'), release(1, 'a'), claim('b')))
      .when(release(1, 'a'))
      .thenRejected('lease_lost');
  });
});

describe('a job that is closed by hand', () => {
  it('is not tried again, and takes nothing from its agent any more', () => {
    for (const exit_code of [0, 1]) {
      const closed = story(enqueue(), claim('a'), start(1, 'a'), close(exit_code));
      expect(closed.at(-1)?.data).toMatchObject({ attempt: 1, exit_code, by_hand: true });
      expect(fold(jobDecider, closed)).toMatchObject({ final: true, lease_token: null });
      job(...closed)
        .when(complete(1, 'a', 0))
        .thenRejected('lease_lost');
      job(...closed)
        .when(close(exit_code))
        .thenNothing();
      job(...closed)
        .when(close(1 - exit_code))
        .thenRejected('job_finished');
    }
  });

  it('can be given up while it waits, which is no attempt’s result', () => {
    expect(story(enqueue(), close(-1)).at(-1)).toMatchObject({
      type: 'JobFailed',
      data: { attempt: 0, final: true },
    });
    expect(story(enqueue(), claim('a'), release(1, 'a'), close(1)).at(-1)?.data).toMatchObject({
      attempt: 0,
    });
  });
});
