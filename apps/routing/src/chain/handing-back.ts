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

/**
 * Back onto the queue, or aside where it is refused for good or fails each time.
 * @param decidedAt as its stream tells; null: it is not decided yet.
 */
export async function handBack(
  queue: QueueReader,
  message: ReceivedMessage,
  error: unknown,
  decidedAt: string | null,
): Promise<void> {
  if (isAway(error)) return queue.release([message]);
  if (error instanceof ProblemError && error.problem.kind === 'invalid')
    return queue.putAside(message, error.problem.detail);
  const known = error instanceof ProblemError || !(error instanceof Error);
  logger.error(known ? String(error) : (error.stack ?? error.message));
  const failed = failing(message, decidedAt);
  if (failed === null) return queue.release([message]);
  await queue.putAside(message, `${failed}: see the log of the routing service, and send it again`);
}

/** Null: not for so long that it is given up. */
function failing({ deliveries }: ReceivedMessage, decidedAt: string | null): string | null {
  if (deliveries !== null) return deliveries > MAX_DELIVERIES ? `it failed ${deliveries} times` : null;
  const isOld = decidedAt !== null && Date.now() - Date.parse(decidedAt) > LONGEST_MS;
  return isOld ? `it was decided at ${decidedAt}, and carrying that out fails still` : null;
}
