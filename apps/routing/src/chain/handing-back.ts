/** What becomes of a message whose turn failed. */
import { ProblemError } from '@hybrid/contracts';
import { QueueError, type QueueReader, type ReceivedMessage } from '@hybrid/user-queue';
import { Logger } from '@nestjs/common';

/** A message that was given out more often, and fails still, is for people to look at. */
const MAX_DELIVERIES = 5;
/** Where the queue does not count (Pub/Sub): for so long after it was decided it is tried again. */
const LONGEST_MS = 3_600_000;

const logger = new Logger('RoutingChain');

/** Whatever it was that could not be reached or did not let us in: it is no fault of the message, and the message waits. */
export function isAway(error: unknown): boolean {
  if (error instanceof QueueError) return error.code !== 'queue_misconfigured';
  if (!(error instanceof ProblemError)) return false;
  const { kind, code } = error.problem;
  return kind === 'unavailable' || kind === 'too_many' || code === 'conflict';
}

export async function handBack(
  queue: QueueReader,
  message: ReceivedMessage,
  error: unknown,
  decidedAt: string | null,
): Promise<void> {
  const reason = whyAside(message.deliveries, error, decidedAt, Date.now());
  if (!isAway(error) && !isRefused(error)) {
    const known = error instanceof ProblemError || !(error instanceof Error);
    logger.error(known ? String(error) : (error.stack ?? error.message));
  }
  return reason === null ? queue.release([message]) : queue.putAside(message, reason);
}

/**
 * Why a message is put aside: it is refused for good, or fails each time. Null: it goes back onto the queue.
 * @param deliveries how often it was given out; null where the queue does not count.
 * @param decidedAt as its stream tells; null: it is not decided yet.
 * @param now milliseconds.
 */
export function whyAside(
  deliveries: number | null,
  error: unknown,
  decidedAt: string | null,
  now: number,
): string | null {
  if (isAway(error)) return null;
  if (isRefused(error)) return error.problem.detail;
  const seeLog = 'see the log of the routing service, and send it again';
  if (deliveries !== null)
    return deliveries > MAX_DELIVERIES ? `it failed ${deliveries} times: ${seeLog}` : null;
  if (decidedAt === null || now - Date.parse(decidedAt) <= LONGEST_MS) return null;
  return `it was decided at ${decidedAt}, and carrying that out fails still: ${seeLog}`;
}

function isRefused(error: unknown): error is ProblemError {
  return error instanceof ProblemError && error.problem.kind === 'invalid';
}
