/** The JSON Schema (draft-07) of a queue in a configuration: closed, bounded, and without a place for a credential. */

type JsonSchema = Record<string, unknown>;

/** No user or password, no query: credentials are handed over apart from the configuration. */
const url = (schemes: string, description: string, example: string): JsonSchema => ({
  type: 'string',
  description: `${description}; without user, password or query`,
  maxLength: 500,
  pattern: `^(${schemes})://[A-Za-z0-9.:_\\[\\]-]+(/[A-Za-z0-9._/-]*)?$`,
  examples: [example],
});

const name = (pattern: string, description: string, example: string): JsonSchema => ({
  type: 'string',
  description,
  maxLength: 250,
  pattern,
  examples: [example],
});

/** Of a JetStream stream or consumer: no dots, wildcards or blanks. */
const JETSTREAM = '^[A-Za-z0-9_-]+$';
const SUBJECT = '^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$';
const REDIS_KEY = '^[A-Za-z0-9._:{}-]+$';
const AZURE_NAME = '^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$';
const GOOGLE_NAME = '^[A-Za-z][A-Za-z0-9._~+%-]{2,}$';
const HTTPS = 'https?';

const kinds: Record<string, { properties: Record<string, JsonSchema>; optional?: string[] }> = {
  directory: {
    properties: {
      path: name(
        '^/[^\\u0000-\\u001f]*$',
        'an absolute folder that both sides reach',
        '/var/lib/hybrid/deliveries',
      ),
    },
  },
  nats: {
    properties: {
      url: url('nats|tls', 'of a NATS server with JetStream', 'tls://nats.example.com:4222'),
      stream: name(JETSTREAM, 'the JetStream stream', 'DELIVERIES'),
      subject: name(SUBJECT, 'what deliveries are published to; the stream takes it', 'deliveries.in'),
      consumer: name(JETSTREAM, 'the durable pull consumer of the control plane', 'control-plane'),
      aside: name(SUBJECT, 'subject of the side queue, of another stream', 'aside.deliveries'),
    },
  },
  redis: {
    properties: {
      url: url(
        'redis|rediss',
        'of a Redis server, with the number of its database if not 0',
        'rediss://redis.example.com:6379',
      ),
      stream: name(REDIS_KEY, 'key of the stream', 'hybrid:deliveries'),
      group: name(REDIS_KEY, 'the consumer group of the control plane', 'control-plane'),
      aside: name(REDIS_KEY, 'key of the stream that is the side queue', 'hybrid:aside'),
    },
  },
  sqs: {
    properties: {
      queue_url: url(
        HTTPS,
        'URL of the queue',
        'https://sqs.eu-central-1.amazonaws.com/123456789012/deliveries',
      ),
      region: name('^[a-z]{2}(-[a-z]+)+-[0-9]$', 'AWS region', 'eu-central-1'),
      aside: url(HTTPS, 'URL of the side queue', 'https://sqs.eu-central-1.amazonaws.com/123456789012/aside'),
      reader_role_arn: name(
        '^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+$',
        'the role that the control plane takes, with the external id of its organisation',
        'arn:aws:iam::123456789012:role/hybrid-reader',
      ),
      endpoint: url(HTTPS, 'of a server that behaves like AWS', 'https://sqs.example.com'),
    },
    optional: ['reader_role_arn', 'endpoint'],
  },
  azure_storage_queue: {
    properties: {
      account_url: url(HTTPS, 'of the storage account', 'https://example.queue.core.windows.net'),
      queue: name(AZURE_NAME, 'the queue', 'deliveries'),
      aside: name(AZURE_NAME, 'the side queue', 'deliveries-aside'),
    },
  },
  azure_service_bus: {
    properties: {
      namespace: name('^[A-Za-z0-9][A-Za-z0-9.-]*$', 'its host name', 'example.servicebus.windows.net'),
      queue: name(AZURE_NAME, 'the queue; its dead-letter queue is the side queue', 'deliveries'),
    },
  },
  azure_event_grid: {
    properties: {
      endpoint: url(HTTPS, 'of the namespace', 'https://example.westeurope-1.eventgrid.azure.net'),
      topic: name(AZURE_NAME, 'the namespace topic', 'deliveries'),
      subscription: name(AZURE_NAME, 'its queue event subscription', 'control-plane'),
    },
  },
  gcp_pubsub: {
    properties: {
      project: name('^[a-z][a-z0-9.:-]{4,}$', 'id of the project', 'example-project'),
      topic: name(GOOGLE_NAME, 'what the relay publishes to', 'deliveries'),
      subscription: name(GOOGLE_NAME, 'the pull subscription of the control plane', 'control-plane'),
      aside: name(GOOGLE_NAME, 'topic of the side queue', 'deliveries-aside'),
      endpoint: name(
        '^[A-Za-z0-9.-]+:[0-9]{1,5}$',
        "host:port of a server that behaves like Google's",
        '127.0.0.1:8085',
      ),
    },
    optional: ['endpoint'],
  },
};

const kind: JsonSchema = {
  enum: Object.keys(kinds),
  description: 'what the queue is; see docs/queues.md',
  examples: ['nats'],
};

/** By `if` and `then`, so that a mistake is told of the kind that was meant, and not of every kind. */
export const queueSchema: JsonSchema = {
  type: 'object',
  description: "the customer's own queue: the relay writes to it, the control plane reads it",
  required: ['kind'],
  properties: { kind },
  allOf: Object.entries(kinds).map(([name, { properties, optional = [] }]) => ({
    if: { type: 'object', required: ['kind'], properties: { kind: { const: name } } },
    then: {
      type: 'object',
      additionalProperties: false,
      required: Object.keys(properties).filter((key) => !optional.includes(key)),
      properties: { kind: { const: name, description: 'what the queue is' }, ...properties },
    },
  })),
};
