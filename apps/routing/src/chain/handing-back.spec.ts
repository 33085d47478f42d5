import { problem } from '@hybrid/contracts';
import { QueueError, type QueueReader, type ReceivedMessage } from '@hybrid/user-queue';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { handBack } from './handing-back.js';

const FAULT = problem('internal', 'internal', 'a fault of ours');
const AN_HOUR_MS = 3_600_000;
const ago = (ms: number) => new Date(Date.now() - ms).toISOString();
const message = (deliveries: number | null): ReceivedMessage => ({
  ...{ receipt: 'r', body: 'b', deliveries, sent_at: null },
});

/** Why it was put aside; null: it was given back. */
async function becomes(deliveries: number | null, error: unknown, decidedAt: string | null) {
  let reason: string | null | undefined;
  const queue = {
    release: () => Promise.resolve(void (reason = null)),
    putAside: (_: ReceivedMessage, why: string) => Promise.resolve(void (reason = why)),
  } as Partial<QueueReader> as QueueReader;
  await handBack(queue, message(deliveries), error, decidedAt);
  return reason;
}

describe('a message whose turn failed', () => {
  beforeAll(() => Logger.overrideLogger(false));

  it.each<[string, number | null, unknown, string | null]>([
    ['something is away', 100, problem('unavailable', 'timeout', 'away'), ago(2 * AN_HOUR_MS)],
    ['a queue is away', null, new QueueError('queue_unavailable', 'away'), ago(2 * AN_HOUR_MS)],
    ['it failed five times', 5, FAULT, ago(2 * AN_HOUR_MS)],
    ['nobody counts, and it was decided a moment ago', null, FAULT, ago(1_000)],
    ['nobody counts, and it is not decided', null, FAULT, null],
  ])('goes back where %s', async (_, deliveries, error, decidedAt) => {
    expect(await becomes(deliveries, error, decidedAt)).toBeNull();
  });

  it.each<[string, number | null, unknown, string | null, string]>([
    ['it is refused for good', 1, problem('invalid', 'taken', 'has its id'), null, 'has its id'],
    ['it failed six times', 6, FAULT, ago(1_000), 'it failed 6 times'],
    ['nobody counts, and it fails for an hour', null, FAULT, ago(AN_HOUR_MS + 1_000), 'it was decided at'],
  ])('is put aside where %s', async (_, deliveries, error, decidedAt, reason) => {
    expect(await becomes(deliveries, error, decidedAt)).toContain(reason);
  });
});
