/** Which queue, in the customer's configuration: names and addresses only, never a credential. */

export type QueueConfig =
  | DirectoryQueue
  | NatsQueue
  | RedisQueue
  | SqsQueue
  | AzureStorageQueue
  | AzureServiceBusQueue
  | AzureEventGridQueue
  | PubSubQueue;
export type QueueKind = QueueConfig['kind'];

/** Files in a folder of one machine; for trying out, and where relay and control plane share a disk. */
export interface DirectoryQueue {
  kind: 'directory';
  /** Absolute. The side queue is its folder `aside`. */
  path: string;
}

/** A JetStream stream that the customer made; the reader consumes by a durable consumer that the customer made, too. */
export interface NatsQueue {
  kind: 'nats';
  /** nats:// or tls:// */
  url: string;
  stream: string;
  subject: string;
  /** The reader's durable consumer. */
  consumer: string;
  /** Subject of the side queue. */
  aside: string;
}

export interface RedisQueue {
  kind: 'redis';
  /** redis:// or rediss:// */
  url: string;
  stream: string;
  /** Consumer group. */
  group: string;
  /** Stream of the side queue. */
  aside: string;
}

export interface SqsQueue {
  kind: 'sqs';
  queue_url: string;
  region: string;
  /** Queue URL. */
  aside: string;
  /** The control plane takes this role, with the external id of its organisation: to read, or to write decisions. */
  reader_role_arn?: string;
  /** Of a server that behaves like AWS. */
  endpoint?: string;
}

export interface AzureStorageQueue {
  kind: 'azure_storage_queue';
  /** https://<account>.queue.core.windows.net */
  account_url: string;
  queue: string;
  aside: string;
}

/** The side queue is the queue's own dead-letter queue. */
export interface AzureServiceBusQueue {
  kind: 'azure_service_bus';
  /** <name>.servicebus.windows.net */
  namespace: string;
  queue: string;
}

/** A namespace topic with a queue event subscription. The side queue is its dead-letter destination. */
export interface AzureEventGridQueue {
  kind: 'azure_event_grid';
  /** https://<name>.<region>-1.eventgrid.azure.net */
  endpoint: string;
  topic: string;
  subscription: string;
}

export interface PubSubQueue {
  kind: 'gcp_pubsub';
  project: string;
  topic: string;
  subscription: string;
  /** Topic of the side queue. */
  aside: string;
  /** Of a server that behaves like Google's: host:port. */
  endpoint?: string;
}
