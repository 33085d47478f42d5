import { eachAtOnce } from '../batches.js';
import type { OpenOptions } from '../open.js';
import type { AzureStorageQueue } from '../queue-config.js';
import type { Verdict } from '../user-queue.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { openStorageQueues, type StorageQueues } from './storage-queue-client.js';

/** Requests at once: the service takes one message in each. */
const AT_ONCE = 8;
const GRANT = 'a SAS with the permission "a" (add), or the role Storage Queue Data Message Sender';

export async function openStorageQueueWriter(
  config: AzureStorageQueue,
  options: OpenOptions,
): Promise<QueueWriter> {
  return new StorageQueueWriter(await openStorageQueues(config, options));
}

/** Texts travel in XML, which does not keep white space and has no place for some characters. */
export const encode = (body: string): string => Buffer.from(body).toString('base64');

class StorageQueueWriter implements QueueWriter {
  constructor(private readonly queues: StorageQueues) {}

  /** Whether the queue is there is seen by those only who may also look at it. */
  async verifyAccess(): Promise<void> {
    const { queue, maySend, calls } = this.queues;
    const seen = await trySending(this.queues);
    if (seen === 'denied' || maySend === 'denied')
      throw new QueueError('queue_denied', `${calls.queue} cannot be sent to: grant ${GRANT}`);
    await calls.verdict(
      { what: 'look at the queue', grant: GRANT },
      (abortSignal) => queue.getProperties({ abortSignal }),
      /^$/,
    );
  }

  async send(bodies: readonly string[]): Promise<void> {
    const { queue, calls } = this.queues;
    await eachAtOnce(bodies, AT_ONCE, (body) =>
      calls.run({ what: 'send a message', grant: GRANT }, (abortSignal) =>
        // Kept until it is removed; a week otherwise.
        queue.sendMessage(encode(body), { messageTimeToLive: -1, abortSignal }),
      ),
    );
  }

  async close(): Promise<void> {}
}

/**
 * A message that would live shorter than it is invisible, which Azure never takes. Whoever may not send is denied; the other
 * answer proves nothing, since it is not said what is looked at first.
 */
export function trySending({ queue, calls }: StorageQueues): Promise<Verdict> {
  return calls.verdict(
    { what: 'see whether messages may be sent', grant: GRANT },
    (abortSignal) => queue.sendMessage('', { messageTimeToLive: 1, visibilityTimeout: 60, abortSignal }),
    /^$/,
  );
}
