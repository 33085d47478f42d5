import type { ReceiveDetails } from '@azure/eventgrid-namespaces';
import type { ReaderOptions } from '../open.js';
import type { AzureEventGridQueue } from '../queue-config.js';
import type { Backlog, QueueReader, ReaderAccess, ReceivedMessage, ReceiveOptions } from '../user-queue.js';
import { openEventGrid, trySending, type EventGrid } from './event-grid-client.js';

/** Of one request. */
const MOST = 100;
/** What the service takes for a wait. */
const WAIT_SECONDS = { least: 10, most: 120 };
/** For an answer to a shorter wait, which we end ourselves: what is given out meanwhile comes again after its lock. */
const ANSWER_MS = 1_500;
const GRANT = 'the role EventGrid Data Receiver on the subscription of the topic';
/** The lock ran out, or the event was settled before: it comes again, or never. */
const GONE = /TokenLost|BadToken|BadRequest|^400$/;

export async function openEventGridReader(
  config: AzureEventGridQueue,
  options: ReaderOptions,
): Promise<QueueReader> {
  return new EventGridReader(await openEventGrid(config, options));
}

/** How long an event is ours, and where it goes when it is put aside, stands in the subscription. */
class EventGridReader implements QueueReader {
  constructor(private readonly grid: EventGrid) {}

  /** To receive and to settle are one right; a lock that nobody has shows it. */
  async verifyAccess(): Promise<ReaderAccess> {
    const { receiver, calls, byKey } = this.grid;
    const read = await calls.verdict(
      { what: 'see whether events may be settled', grant: GRANT },
      (abortSignal) => receiver.releaseEvents(['none'], { abortSignal }),
      GONE,
    );
    const send = await trySending(this.grid);
    const remedies: string[] = [];
    if (read !== 'allowed') remedies.push(`grant ${GRANT}`);
    if (send === 'allowed')
      remedies.push(
        byKey
          ? 'hand in a service principal with the role EventGrid Data Receiver: whoever has an access key may send'
          : 'take away the role EventGrid Data Sender',
      );
    if (send === 'unknown')
      remedies.push(
        'Azure did not refuse to publish outright; see with "az role assignment list --all --assignee <identity>" that the identity has the role EventGrid Data Receiver alone',
      );
    return { receive: read, remove: read, send, remedies };
  }

  async receive({ max, waitMs, signal }: ReceiveOptions): Promise<ReceivedMessage[]> {
    const { receiver, calls } = this.grid;
    const { least, most } = WAIT_SECONDS;
    const maxWaitTime = Math.min(Math.max(Math.floor(waitMs / 1000), least), most);
    const ends = new AbortController();
    const end = () => ends.abort();
    const timer = waitMs < least * 1000 ? setTimeout(end, waitMs + ANSWER_MS) : undefined;
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    try {
      const task = { what: 'receive events', grant: GRANT, signal: ends.signal, waitMs: maxWaitTime * 1000 };
      return await calls.until(task, async (abortSignal) => {
        const maxEvents = Math.min(max, MOST);
        const { details } = await receiver.receiveEvents<string>({ maxEvents, maxWaitTime, abortSignal });
        return details.map(received);
      });
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
    }
  }

  async remove(messages: readonly ReceivedMessage[]): Promise<void> {
    const { receiver, calls } = this.grid;
    for (const tokens of tokensOf(messages))
      await calls.settle({ what: 'acknowledge events', grant: GRANT }, GONE, async (abortSignal) =>
        all(await receiver.acknowledgeEvents(tokens, { abortSignal })),
      );
  }

  async release(messages: readonly ReceivedMessage[]): Promise<void> {
    const { receiver, calls } = this.grid;
    for (const tokens of tokensOf(messages))
      await calls.settle({ what: 'release events', grant: GRANT }, GONE, async (abortSignal) =>
        all(await receiver.releaseEvents(tokens, { releaseDelay: '0', abortSignal })),
      );
  }

  /** To where the subscription sends dead letters. There is no place for the reason. */
  async putAside(message: ReceivedMessage, _reason: string): Promise<void> {
    const { receiver, calls } = this.grid;
    await calls.settle({ what: 'reject an event', grant: GRANT }, GONE, async (abortSignal) =>
      all(await receiver.rejectEvents([message.receipt], { abortSignal })),
    );
  }

  /** Only Azure Monitor knows. */
  async backlog(): Promise<Backlog> {
    return { messages: null, oldest_seconds: null };
  }

  async close(): Promise<void> {}
}

function tokensOf(messages: readonly ReceivedMessage[]): string[][] {
  const tokens = messages.map(({ receipt }) => receipt);
  return Array.from({ length: Math.ceil(tokens.length / MOST) }, (_, part) =>
    tokens.slice(part * MOST, (part + 1) * MOST),
  );
}

/** The answer is good where one of many was settled. */
function all({ failedLockTokens }: { failedLockTokens: { error: { code: string } }[] }): void {
  const failed = failedLockTokens.find(({ error }) => !GONE.test(error.code));
  if (failed) throw Object.assign(new Error('not settled'), { code: failed.error.code, statusCode: 503 });
}

function received({ brokerProperties, event }: ReceiveDetails<string>): ReceivedMessage {
  return {
    receipt: brokerProperties.lockToken,
    body: event.data ?? '',
    deliveries: brokerProperties.deliveryCount,
    sent_at: event.time?.toISOString() ?? null,
  };
}
