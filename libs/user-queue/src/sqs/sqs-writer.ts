import { batches } from '../batches.js';
import type { SqsQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import type { OpenOptions } from '../open.js';
import { openSqs, type Sqs } from './sqs-client.js';

/** Of one request. AWS takes four times as many bytes by now, servers like it do not. */
const LIMITS = { count: 10, bytes: 250_000 };

export async function openSqsWriter(config: SqsQueue, options: OpenOptions): Promise<QueueWriter> {
  // The relay has no external id: it is who it is, also where the role of the reader stands beside its queue.
  const role = options.externalId === undefined ? undefined : config.reader_role_arn;
  return new SqsWriter(config.queue_url, await openSqs(config, options, role));
}

class SqsWriter implements QueueWriter {
  constructor(
    private readonly url: string,
    private readonly sqs: Sqs,
  ) {}

  async verifyAccess(): Promise<void> {
    const task = { what: 'send messages', grant: `sqs:SendMessage on ${this.url}` };
    if ((await trySending(this.sqs, this.url)) === 'denied')
      throw new QueueError('queue_denied', `cannot ${task.what}: grant ${task.grant}`);
  }

  async send(bodies: readonly string[]): Promise<void> {
    const { client, sdk, calls } = this.sqs;
    for (const batch of batches(bodies, LIMITS)) {
      const request = new sdk.SendMessageBatchCommand({
        QueueUrl: this.url,
        Entries: batch.map((MessageBody, index) => ({ Id: String(index), MessageBody })),
      });
      const { Failed = [] } = await calls.run(
        { what: 'send messages', grant: `sqs:SendMessage on ${this.url}` },
        (abortSignal) => client.send(request, { abortSignal }),
      );
      const [first] = Failed;
      if (first)
        throw new QueueError(
          first.SenderFault ? 'queue_misconfigured' : 'queue_unavailable',
          `${calls.queue} took ${batch.length - Failed.length} of ${batch.length} messages: ${first.Code}`,
        );
    }
  }

  async close(): Promise<void> {
    this.sqs.client.destroy();
  }
}

/**
 * A message that SQS never takes: NUL is no character of XML. Whoever may not send is denied; AWS does not say whether it
 * looks at the message first, so that the other answer proves nothing.
 */
export function trySending({ client, sdk, calls }: Sqs, url: string) {
  return calls.verdict(
    { what: 'see whether messages may be sent', grant: `sqs:SendMessage on ${url}` },
    (abortSignal) =>
      client.send(new sdk.SendMessageCommand({ QueueUrl: url, MessageBody: '\0' }), { abortSignal }),
    /^$/,
  );
}
