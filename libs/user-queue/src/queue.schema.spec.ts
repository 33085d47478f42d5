import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import type { QueueConfig, QueueKind } from './queue-config.js';
import { queueReference } from './queue-reference.js';
import { queueSchema } from './queue.schema.js';

const valid = new Ajv({ strict: true, allErrors: true }).compile(queueSchema);

/** Of every kind one with all that it can have, and how it is called. */
const examples: Record<QueueKind, [QueueConfig, string]> = {
  directory: [{ kind: 'directory', path: '/var/lib/hybrid queue' }, 'folder /var/lib/hybrid queue'],
  nats: [
    {
      kind: 'nats',
      url: 'tls://nats.example.com:4222',
      stream: 'DELIVERIES',
      subject: 'deliveries.in',
      consumer: 'control-plane',
      aside: 'aside.deliveries',
    },
    'nats stream DELIVERIES at nats.example.com',
  ],
  redis: [
    {
      kind: 'redis',
      url: 'rediss://queue.example.com:6380/1',
      stream: 'hybrid',
      group: 'control-plane',
      aside: 'hybrid:aside',
    },
    'redis stream hybrid at queue.example.com',
  ],
  sqs: [
    {
      kind: 'sqs',
      queue_url: 'https://sqs.eu-central-1.amazonaws.com/123456789012/deliveries',
      region: 'eu-central-1',
      aside: 'https://sqs.eu-central-1.amazonaws.com/123456789012/aside',
      reader_role_arn: 'arn:aws:iam::123456789012:role/hybrid-reader',
      endpoint: 'http://127.0.0.1:9324',
    },
    'sqs queue deliveries in eu-central-1',
  ],
  azure_storage_queue: [
    {
      kind: 'azure_storage_queue',
      account_url: 'https://example.queue.core.windows.net',
      queue: 'deliveries',
      aside: 'deliveries-aside',
    },
    'azure storage queue deliveries at example.queue.core.windows.net',
  ],
  azure_service_bus: [
    { kind: 'azure_service_bus', namespace: 'example.servicebus.windows.net', queue: 'deliveries' },
    'azure service bus queue deliveries at example.servicebus.windows.net',
  ],
  azure_event_grid: [
    {
      kind: 'azure_event_grid',
      endpoint: 'https://example.westeurope-1.eventgrid.azure.net',
      topic: 'deliveries',
      subscription: 'control-plane',
    },
    'azure event grid subscription deliveries/control-plane at example.westeurope-1.eventgrid.azure.net',
  ],
  gcp_pubsub: [
    {
      kind: 'gcp_pubsub',
      project: 'example-project',
      topic: 'deliveries',
      subscription: 'control-plane',
      aside: 'deliveries-aside',
      endpoint: '127.0.0.1:8085',
    },
    'pub/sub subscription control-plane of project example-project',
  ],
};

describe('the schema of a queue', () => {
  it.each(Object.values(examples))('takes $kind', (config, reference) => {
    expect(valid(config)).toBe(true);
    expect(queueReference(config)).toBe(reference);
  });

  it.each(Object.values(examples))('takes nothing more for $kind, and wants all of it', (config) => {
    expect(valid({ ...config, password: 'x' })).toBe(false);
    for (const key of Object.keys(config)) {
      const { [key as keyof QueueConfig]: _, ...rest } = config;
      const optional = ['reader_role_arn', 'endpoint'].includes(key) && config.kind !== 'azure_event_grid';
      expect([key, valid(rest)]).toEqual([key, optional]);
      if (key !== 'kind') {
        for (const wrong of ['', 'x'.repeat(1_000), 'a\nb', 7, null])
          expect([key, wrong, valid({ ...config, [key]: wrong })]).toEqual([key, wrong, false]);
      }
    }
  });

  it.each([
    ['nats', 'url', 'nats://user:password@nats.example.com'],
    ['nats', 'url', 'https://nats.example.com'],
    ['redis', 'url', 'redis://:password@redis.example.com'],
    ['redis', 'url', 'redis://redis.example.com?password=x'],
    ['redis', 'stream', 'a b'],
    ['nats', 'stream', 'a.>'],
    ['nats', 'subject', 'deliveries.>'],
    ['azure_storage_queue', 'account_url', 'https://example.queue.core.windows.net?sig=x'],
    ['sqs', 'queue_url', 'https://key:secret@sqs.eu-central-1.amazonaws.com/1/x'],
    ['sqs', 'endpoint', 'file:///etc/passwd'],
    ['directory', 'path', 'relative'],
    ['gcp_pubsub', 'endpoint', 'https://user@host'],
  ] as const)('refuses of %s the %s %s', (kind, key, wrong) => {
    expect(valid({ ...examples[kind][0], [key]: wrong })).toBe(false);
  });

  it('tells a mistake of the kind that was meant', () => {
    expect(valid({ ...examples.redis[0], stream: 7 })).toBe(false);
    expect(valid.errors?.map(({ instancePath }) => instancePath).filter(Boolean)).toEqual(['/stream']);
    expect(valid({ kind: 'kafka' })).toBe(false);
    expect(valid.errors?.map(({ instancePath }) => instancePath)).toEqual(['/kind']);
  });

  it('says of each key what it is', () => {
    const kinds = queueSchema['allOf'] as {
      then: { properties: Record<string, { description?: string }> };
    }[];
    for (const { then } of kinds)
      for (const [key, { description }] of Object.entries(then.properties))
        expect([key, description]).toEqual([key, expect.any(String)]);
  });
});
