import { randomUUID } from 'node:crypto';
import { batches } from '../batches.js';
import type { OpenOptions } from '../open.js';
import type { AzureEventGridQueue } from '../queue-config.js';
import { QueueError, type QueueWriter } from '../user-queue.js';
import { openEventGrid, trySending, type EventGrid } from './event-grid-client.js';

/** Of one request, which may have 1 MB. */
const LIMITS = { count: 100, bytes: 700_000 };
const GRANT = 'the role EventGrid Data Sender on the topic';

export async function openEventGridWriter(
  config: AzureEventGridQueue,
  options: OpenOptions,
): Promise<QueueWriter> {
  return new EventGridWriter(await openEventGrid(config, options));
}

class EventGridWriter implements QueueWriter {
  constructor(private readonly grid: EventGrid) {}

  async verifyAccess(): Promise<void> {
    if ((await trySending(this.grid)) === 'denied')
      throw new QueueError('queue_denied', `${this.grid.calls.queue} cannot be sent to: grant ${GRANT}`);
  }

  async send(bodies: readonly string[]): Promise<void> {
    for (const batch of batches(bodies, LIMITS)) {
      const events = batch.map((data) => ({
        type: 'hybrid.delivery',
        source: '/hybrid',
        id: randomUUID(),
        dataContentType: 'text/plain',
        data,
      }));
      await this.grid.calls.run({ what: 'send events', grant: GRANT }, (abortSignal) =>
        this.grid.sender.sendEvents(events, { abortSignal }),
      );
    }
  }

  async close(): Promise<void> {}
}
