import { problem } from '@hybrid/contracts';
import type { EventConsumer } from './event-consumer.js';

/** Answers for the consumers of one service; the subjects are those of `consumerRequests`. */
export function consumerOperations(consumers: EventConsumer[]) {
  return {
    list: async () => ({ consumers: await Promise.all(consumers.map((consumer) => consumer.view())) }),
    replay: async ({ durable }: { durable: string }) => {
      const consumer = consumers.find((one) => one.durable === durable);
      if (!consumer) throw problem('not_found', 'consumer_not_found', `there is no consumer ${durable}`);
      return consumer.replay();
    },
  };
}
