import type { ReceivedMessageItem } from '@azure/storage-queue';
import { setTimeout as pause } from 'node:timers/promises';
import { eachAtOnce } from '../batches.js';
import type { ReaderOptions } from '../open.js';
import type { AzureStorageQueue } from '../queue-config.js';
import { LEASE_MS } from '../sdk-calls.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import { openStorageQueues, type StorageQueues } from './storage-queue-client.js';
import { encode, trySending } from './storage-queue-writer.js';

/** Of one request. */
const MOST = 32;
/** Requests at once. */
const AT_ONCE = 8;
/** Between two looks at an empty queue, which each cost a request: this, then twice as long each time. */
const PAUSE_MS = { first: 250, most: 2_000 };
const READ = 'a SAS with the permissions "r", "u" and "p", or the role Storage Queue Data Message Processor';
/** The lease ran out, or it was removed: it comes again, or never. */
const GONE = /MessageNotFound|PopReceiptMismatch/;
const NOBODY = { id: '00000000-0000-0000-0000-000000000000', receipt: 'AgAAAAMAAAAAAAAAAAAAAAAAAAA=' };

export async function openStorageQueueReader(
  config: AzureStorageQueue,
  options: ReaderOptions,
): Promise<QueueReader> {
  return new StorageQueueReader(await openStorageQueues(config, options), options.leaseMs ?? LEASE_MS);
}

class StorageQueueReader implements QueueReader {
  constructor(
    private readonly queues: StorageQueues,
    private readonly leaseMs: number,
  ) {}

  /** To receive and to remove are one right; a message that nobody sent shows it. */
  async verifyAccess(): Promise<ReaderAccess> {
    const { queue, calls, maySend } = this.queues;
    const read = await calls.verdict(
      { what: 'see whether messages may be removed', grant: READ },
      (abortSignal) => queue.deleteMessage(NOBODY.id, NOBODY.receipt, { abortSignal }),
      GONE,
    );
    const send = maySend === 'unknown' ? await trySending(this.queues) : maySend;
    const remedies: string[] = [];
    if (read !== 'allowed') remedies.push(`grant ${READ}`);
    if (send === 'allowed')
      remedies.push('take away "add": hand in a SAS without the permission "a", and no account key');
    if (send === 'unknown')
      remedies.push(
        `Azure did not refuse to add messages outright; see with "az role assignment list --all --assignee <identity>" that no role of the identity sends, or hand in a SAS with the permissions "r", "u" and "p"`,
      );
    return { receive: read, remove: read, send, remedies };
  }

  /** Azure knows no waiting for messages, so that the queue is looked at again and again. */
  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const until = performance.now() + waitMs;
    for (let wait = PAUSE_MS.first; ; wait = Math.min(wait * 2, PAUSE_MS.most)) {
      const received = await this.#receive(Math.min(max, MOST), signal);
      const left = until - performance.now();
      if (received.length > 0 || left <= 0 || signal.aborted) return received;
      await pause(Math.min(wait, left), undefined, { signal }).catch(() => undefined);
    }
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    const { queue, calls } = this.queues;
    await eachAtOnce(messages, AT_ONCE, ({ receipt }) =>
      calls.settle({ what: 'remove a message', grant: READ }, GONE, (abortSignal) =>
        queue.deleteMessage(...idsOf(receipt), { abortSignal }),
      ),
    );
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    const { queue, calls } = this.queues;
    await eachAtOnce(messages, AT_ONCE, ({ receipt, body }) =>
      calls.settle({ what: 'release a message', grant: READ }, GONE, (abortSignal) =>
        queue.updateMessage(...idsOf(receipt), encode(body), 0, { abortSignal }),
      ),
    );
  }

  async putAside(message: ReceivedMessage, reason: string): Promise<void> {
    const { aside, calls } = this.queues;
    await calls.run(
      {
        what: 'put a message aside',
        grant: `a second SAS with the permission "a" on the side queue ${aside.name}, or the role Storage Queue Data Message Sender on it`,
      },
      (abortSignal) =>
        aside.sendMessage(JSON.stringify({ reason, body: message.body }), {
          messageTimeToLive: -1,
          abortSignal,
        }),
    );
    await this.remove([message]);
  }

  async backlog(): Promise<Backlog> {
    const { queue, calls } = this.queues;
    return calls.run({ what: 'count messages', grant: READ }, async (abortSignal) => {
      const { approximateMessagesCount = null } = await queue.getProperties({ abortSignal });
      const { peekedMessageItems } = await queue.peekMessages({ numberOfMessages: 1, abortSignal });
      const sent = peekedMessageItems[0]?.insertedOn;
      return {
        messages: approximateMessagesCount,
        oldest_seconds: sent ? Math.max(0, (Date.now() - sent.getTime()) / 1000) : null,
      };
    });
  }

  async close(): Promise<void> {}

  #receive(most: number, signal: AbortSignal): Promise<ReceivedMessage[]> {
    const { queue, calls } = this.queues;
    return calls.until({ what: 'receive messages', grant: READ, signal }, async (abortSignal) => {
      const { receivedMessageItems } = await queue.receiveMessages({
        numberOfMessages: most,
        visibilityTimeout: Math.ceil(this.leaseMs / 1000),
        abortSignal,
      });
      return receivedMessageItems.map(received);
    });
  }
}

const idsOf = (receipt: string) => JSON.parse(receipt) as [id: string, popReceipt: string];

function received({
  messageId,
  popReceipt,
  messageText,
  dequeueCount,
  insertedOn,
}: ReceivedMessageItem): ReceivedMessage {
  return {
    receipt: JSON.stringify([messageId, popReceipt]),
    body: Buffer.from(messageText, 'base64').toString(),
    deliveries: dequeueCount,
    sent_at: insertedOn.toISOString(),
  };
}
