import { problem } from '@hybrid/contracts';
import { QueueError } from '@hybrid/user-queue';
import { describe, expect, it } from '@jest/globals';
import { whyAside } from './handing-back.js';

const FAULT = problem('internal', 'internal', 'a fault of ours');
const AN_HOUR_MS = 3_600_000;
const NOW = Date.parse('2026-01-02T03:04:05Z');
const ago = (ms: number) => new Date(NOW - ms).toISOString();

describe('a message whose turn failed', () => {
  it.each<[string, number | null, unknown, string | null]>([
    ['something is away', 100, problem('unavailable', 'timeout', 'away'), ago(2 * AN_HOUR_MS)],
    ['a queue is away', null, new QueueError('queue_unavailable', 'away'), ago(2 * AN_HOUR_MS)],
    ['it failed five times', 5, FAULT, ago(2 * AN_HOUR_MS)],
    ['nobody counts, and it was decided within the hour', null, FAULT, ago(AN_HOUR_MS)],
    ['nobody counts, and it is not decided', null, FAULT, null],
  ])('goes back where %s', (_, deliveries, error, decidedAt) =>
    expect(whyAside(deliveries, error, decidedAt, NOW)).toBeNull(),
  );

  it.each<[string, number | null, unknown, string | null, string]>([
    ['it is refused for good', 1, problem('invalid', 'taken', 'has its id'), null, 'has its id'],
    ['it failed six times', 6, FAULT, ago(1_000), 'it failed 6 times'],
    ['nobody counts, and it fails for an hour', null, FAULT, ago(AN_HOUR_MS + 1), 'it was decided at'],
  ])('is put aside where %s', (_, deliveries, error, decidedAt, reason) =>
    expect(whyAside(deliveries, error, decidedAt, NOW)).toContain(reason),
  );
});
