/** What becomes of a message whose turn failed. */
import { ProblemError } from '@hybrid/contracts';
import { QueueError, type QueueReader, type ReceivedMessage } from '@hybrid/user-queue';
import { Logger } from '@nestjs/common';

/** A message that was given out more often, and fails still, is for people to look at. */
const MAX_DELIVERIES = 5;

const logger = new Logger('RoutingChain');

/** Whatever it was that could not be reached: it is no fault of the message, and the message waits. */
export function isAway(error: unknown): boolean {
  if (error instanceof QueueError) return error.code === 'queue_unavailable';
  if (!(error instanceof ProblemError)) return false;
  const { kind, code } = error.problem;
  return kind === 'unavailable' || kind === 'too_many' || code === 'conflict';
}

/** Back onto the queue, or aside where it is refused for good or fails each time. */
export async function handBack(queue: QueueReader, message: ReceivedMessage, error: unknown): Promise<void> {
  if (isAway(error)) return queue.release([message]);
  if (error instanceof ProblemError && error.problem.kind === 'invalid')
    return queue.putAside(message, error.problem.detail);
  const known = error instanceof ProblemError || !(error instanceof Error);
  logger.error(known ? String(error) : (error.stack ?? error.message));
  if ((message.deliveries ?? 0) <= MAX_DELIVERIES) return queue.release([message]);
  await queue.putAside(
    message,
    `it failed ${message.deliveries} times: see the log of the routing service, and send it again`,
  );
}
