import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@hybrid/event-store';
import type { JobEvent } from '../jobs/job.events.js';
import { at, cancel, claim, close, complete, enqueue, requeue, start, story } from '../jobs/job.fixtures.js';
import type { JobCommand } from '../jobs/job.commands.js';
import { lengthOf, waitsOf } from './waits.js';

const waits = (...commands: JobCommand[]) =>
  waitsOf(
    story(enqueue({ delay_seconds: 3 }), ...commands).map(
      (event, index) => ({ event, revision: BigInt(index) }) as StoredEvent<JobEvent>,
    ),
  );

describe('the waits of a job', () => {
  it('begin when it could be claimed, and end with the claim', () => {
    expect(waits()).toEqual([
      { attempt: 1, revision: 0n, after: null, since: at(3), until: null, agentId: null },
    ]);
    expect(waits(claim('a', 9), start(1, 'a'))).toMatchObject([{ since: at(3), until: at(9), agentId: 'a' }]);
  });

  it('begin again after a failure, and when it is requeued', () => {
    const failed = [claim('a', 9), start(1, 'a'), complete(1, 'a', 1)];
    expect(waits(...failed)).toMatchObject([
      { attempt: 1, until: at(9) },
      { attempt: 2, revision: 4n, after: 'failed', since: at(10), until: null },
    ]);
    expect(waits(...failed, close(1), requeue, cancel)).toMatchObject([
      { attempt: 1 },
      { attempt: 2, until: at(0), agentId: null },
      { attempt: 2, after: 'requested', since: at(0), until: at(0), agentId: null },
    ]);
  });

  it('take no time where they ended before they had begun', () => {
    const [cancelled] = waits(cancel);
    expect(lengthOf(cancelled!, at(60))).toBe(0);
    const [waiting] = waits();
    expect(lengthOf(waiting!, at(60))).toBe(57);
  });
});
