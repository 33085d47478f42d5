/** The customer's queue by its configuration alone. What a kind needs is loaded when one of that kind is opened. */
import type { QueueConfig } from './queue-config.js';
import type { QueueReader, QueueWriter } from './user-queue.js';

export interface OpenOptions {
  /** One text, as the kind has it: see docs/queues.md. Left out: what the machine has (a role, an identity), or none. */
  credential?: string;
  /**
   * Asked for each IP address before it is connected to, after names were resolved; answers whether it may be. Left out:
   * every address may be.
   */
  allowHost?: (address: string) => boolean;
  /** Lets plain text leave this machine. Without it, TLS is demanded of every host but loopback. */
  allowPlainText?: boolean;
  /**
   * Of the organisation, for roles of AWS: whoever hands it in is the control plane, and takes the role that the
   * configuration names.
   */
  externalId?: string;
}

export interface ReaderOptions extends OpenOptions {
  /**
   * How long a message is the reader's before it comes again, in milliseconds; 60,000 unless told. NATS, Service Bus and
   * Event Grid have it in what the customer made.
   */
  leaseMs?: number;
}

/**
 * Connects at its first use, and anew after a failure. @throws QueueError `queue_misconfigured` for a configuration or
 * credential that cannot be right.
 */
export async function openWriter(config: QueueConfig, options: OpenOptions = {}): Promise<QueueWriter> {
  switch (config.kind) {
    case 'azure_service_bus':
      return (await import('./azure/service-bus-writer.js')).openServiceBusWriter(config, options);
    case 'gcp_pubsub':
      return (await import('./pubsub/pubsub-writer.js')).openPubSubWriter(config, options);
    case 'azure_event_grid':
      return (await import('./azure/event-grid-writer.js')).openEventGridWriter(config, options);
    case 'azure_storage_queue':
      return (await import('./azure/storage-queue-writer.js')).openStorageQueueWriter(config, options);
    case 'sqs':
      return (await import('./sqs/sqs-writer.js')).openSqsWriter(config, options);
    case 'directory':
      return new (await import('./directory/directory-writer.js')).DirectoryWriter(config);
    case 'nats':
      return new (await import('./nats/nats-writer.js')).NatsWriter(config, options);
    case 'redis':
      return new (await import('./redis/redis-writer.js')).RedisWriter(config, options);
  }
}

/** As `openWriter`. */
export async function openReader(config: QueueConfig, options: ReaderOptions = {}): Promise<QueueReader> {
  switch (config.kind) {
    case 'azure_service_bus':
      return (await import('./azure/service-bus-reader.js')).openServiceBusReader(config, options);
    case 'gcp_pubsub':
      return (await import('./pubsub/pubsub-reader.js')).openPubSubReader(config, options);
    case 'azure_event_grid':
      return (await import('./azure/event-grid-reader.js')).openEventGridReader(config, options);
    case 'azure_storage_queue':
      return (await import('./azure/storage-queue-reader.js')).openStorageQueueReader(config, options);
    case 'sqs':
      return (await import('./sqs/sqs-reader.js')).openSqsReader(config, options);
    case 'directory':
      return new (await import('./directory/directory-reader.js')).DirectoryReader(config, options);
    case 'nats':
      return new (await import('./nats/nats-reader.js')).NatsReader(config, options);
    case 'redis':
      return new (await import('./redis/redis-reader.js')).RedisReader(config, options);
  }
}
