import type { Message } from '@aws-sdk/client-sqs';
import type { SqsQueue } from '../queue-config.js';
import {
  QueueError,
  type Backlog,
  type QueueReader,
  type ReaderAccess,
  type ReceivedMessage,
  type ReceiveOptions,
} from '../user-queue.js';
import type { ReaderOptions } from '../open.js';
import { LEASE_MS } from '../sdk-calls.js';
import { openSqs, type Sqs } from './sqs-client.js';
import { trySending } from './sqs-writer.js';

/** Of one request. */
const MOST = 10;
const MOST_WAIT_SECONDS = 20;

export async function openSqsReader(config: SqsQueue, options: ReaderOptions): Promise<QueueReader> {
  return new SqsReader(config, await openSqs(config, options, config.reader_role_arn), options);
}

class SqsReader implements QueueReader {
  readonly #url: string;
  readonly #leaseSeconds: number;

  constructor(
    private readonly config: SqsQueue,
    private readonly sqs: Sqs,
    { leaseMs = LEASE_MS }: ReaderOptions,
  ) {
    this.#url = config.queue_url;
    this.#leaseSeconds = Math.ceil(leaseMs / 1000);
  }

  /**
   * Asks for what SQS refuses in itself. A receipt that is none shows what may be removed; to receive for a trial would raise
   * a message's count of deliveries, on which the customer's redrive policy may act.
   */
  async verifyAccess(): Promise<ReaderAccess> {
    const { client, sdk, calls } = this.sqs;
    const [receive, remove, send] = await Promise.all([
      calls.verdict(
        this.#task('see whether messages may be received', 'sqs:ReceiveMessage'),
        (abortSignal) =>
          client.send(new sdk.ReceiveMessageCommand({ QueueUrl: this.#url, MaxNumberOfMessages: MOST + 1 }), {
            abortSignal,
          }),
        // Should SQS look at the figure before it looks at the policies, the first real request tells.
        /InvalidParameterValue|ReadCountOutOfRange/,
      ),
      calls.verdict(
        this.#task('see whether messages may be removed', 'sqs:DeleteMessage'),
        (abortSignal) =>
          client.send(new sdk.DeleteMessageCommand({ QueueUrl: this.#url, ReceiptHandle: 'none' }), {
            abortSignal,
          }),
        /ReceiptHandleIsInvalid|InvalidParameterValue/,
      ),
      trySending(this.sqs, this.#url),
    ]);
    const remedies: string[] = [];
    if (receive !== 'allowed') remedies.push(`grant sqs:ReceiveMessage on ${this.#url}`);
    if (remove !== 'allowed') remedies.push(`grant sqs:DeleteMessage on ${this.#url}`);
    if (send === 'allowed') remedies.push(`take away sqs:SendMessage on ${this.#url}`);
    if (send === 'unknown')
      remedies.push(
        `SQS did not refuse sqs:SendMessage on ${this.#url} outright; simulate it with "aws iam simulate-principal-policy --action-names sqs:SendMessage", look at the queue's own policy, and deny it to the reader`,
      );
    return { receive, remove, send, remedies };
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const received = await this.#receive(Math.min(max, MOST), waitMs, signal);
    while (received.length > 0 && received.length % MOST === 0 && received.length < max && !signal.aborted) {
      const more = await this.#receive(Math.min(max - received.length, MOST), 0, signal);
      if (more.length === 0) break;
      received.push(...more);
    }
    return received;
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    const { client, sdk, calls } = this.sqs;
    await this.#batched(messages, (part) =>
      calls.run(this.#task('remove messages', 'sqs:DeleteMessage'), (abortSignal) =>
        client.send(new sdk.DeleteMessageBatchCommand({ QueueUrl: this.#url, Entries: entries(part) }), {
          abortSignal,
        }),
      ),
    );
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    const { client, sdk, calls } = this.sqs;
    await this.#batched(messages, (part) =>
      calls.run(this.#task('release messages', 'sqs:ChangeMessageVisibility'), (abortSignal) =>
        client.send(
          new sdk.ChangeMessageVisibilityBatchCommand({
            QueueUrl: this.#url,
            Entries: entries(part).map((entry) => ({ ...entry, VisibilityTimeout: 0 })),
          }),
          { abortSignal },
        ),
      ),
    );
  }

  async putAside(message: ReceivedMessage, reason: string): Promise<void> {
    const { client, sdk, calls } = this.sqs;
    const { aside } = this.config;
    const copy = new sdk.SendMessageCommand({
      QueueUrl: aside,
      MessageBody: message.body,
      MessageAttributes: { reason: { DataType: 'String', StringValue: reason } },
    });
    await calls.run(
      { what: `put a message aside to ${aside}`, grant: `sqs:SendMessage on ${aside}` },
      (abortSignal) => client.send(copy, { abortSignal }),
    );
    await this.remove([message]);
  }

  /** What waits and what is given out; the age of the oldest is known to CloudWatch only. */
  async backlog(): Promise<Backlog> {
    const { client, sdk, calls } = this.sqs;
    const { Attributes: found = {} } = await calls.run(
      this.#task('count messages', 'sqs:GetQueueAttributes'),
      (abortSignal) =>
        client.send(
          new sdk.GetQueueAttributesCommand({
            QueueUrl: this.#url,
            AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
          }),
          { abortSignal },
        ),
    );
    const { ApproximateNumberOfMessages: waiting = 0, ApproximateNumberOfMessagesNotVisible: out = 0 } =
      found;
    return { messages: Number(waiting) + Number(out), oldest_seconds: null };
  }

  async close(): Promise<void> {
    this.sqs.client.destroy();
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<ReceivedMessage[]> {
    const { client, sdk, calls } = this.sqs;
    // Whole seconds; with none SQS asks only some of its servers.
    const seconds = Math.min(Math.ceil(waitMs / 1000), MOST_WAIT_SECONDS);
    const task = { ...this.#task('receive messages', 'sqs:ReceiveMessage'), signal, waitMs: seconds * 1000 };
    return calls.until(task, async (abortSignal) => {
      const { Messages: found = [] } = await client.send(
        new sdk.ReceiveMessageCommand({
          QueueUrl: this.#url,
          MaxNumberOfMessages: most,
          WaitTimeSeconds: seconds,
          VisibilityTimeout: this.#leaseSeconds,
          MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
        }),
        { abortSignal },
      );
      return found.map(received);
    });
  }

  async #batched(
    messages: readonly ReceivedMessage[],
    call: (part: readonly ReceivedMessage[]) => Promise<{ Failed?: { Code?: string }[] }>,
  ): Promise<void> {
    for (let from = 0; from < messages.length; from += MOST) {
      const { Failed = [] } = await call(messages.slice(from, from + MOST));
      // A lease that ran out: the message comes again, and is found done.
      const [failed] = Failed.filter(
        ({ Code = '' }) => !/ReceiptHandleIsInvalid|MessageNotInflight/.test(Code),
      );
      if (failed)
        throw new QueueError(
          'queue_unavailable',
          `${this.sqs.calls.queue} failed for some messages: ${failed.Code}`,
        );
    }
  }

  #task(what: string, action: string) {
    return { what, grant: `${action} on ${this.#url}` };
  }
}

const entries = (messages: readonly ReceivedMessage[]) =>
  messages.map(({ receipt }, index) => ({ Id: String(index), ReceiptHandle: receipt }));

function received({ ReceiptHandle = '', Body = '', Attributes = {} }: Message): ReceivedMessage {
  const { ApproximateReceiveCount: count, SentTimestamp: sent } = Attributes;
  return {
    receipt: ReceiptHandle,
    body: Body,
    deliveries: count === undefined ? null : Number(count),
    sent_at: sent === undefined ? null : new Date(Number(sent)).toISOString(),
  };
}
