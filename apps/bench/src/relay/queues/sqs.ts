import { startProcess } from '@hybrid/servers';
import { join } from 'node:path';
import type { Cleanup } from '../../queue/cleanup.js';
import type { QueuePlace } from './queue-place.js';

/** It keeps messages in memory: an outage is one of its process, which stands still. */
export async function sqsPlace(directory: string, cleanup: Cleanup): Promise<QueuePlace> {
  const server = await startProcess({
    name: 'fauxqs',
    command: process.execPath,
    args: [process.argv[1]!, 'sqs'],
    log: join(directory, 'fauxqs.log'),
  });
  cleanup.add(() => server.stop());
  const { endpoint } = (await server.ready) as { endpoint: string };
  const make = async (QueueName: string): Promise<string> => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': 'AmazonSQS.CreateQueue',
        authorization:
          'AWS4-HMAC-SHA256 Credential=OWNER/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0',
      },
      body: JSON.stringify({ QueueName }),
    });
    if (!response.ok) throw new Error(`fauxqs makes no queue: ${response.status} ${await response.text()}`);
    return ((await response.json()) as { QueueUrl: string }).QueueUrl;
  };
  return {
    queue: {
      kind: 'sqs',
      queue_url: await make('deliveries'),
      aside: await make('aside'),
      region: 'eu-central-1',
      endpoint,
    },
    writer: 'WRITER:secret',
    reader: 'READER:secret',
    pid: server.pid,
    away: async () => process.kill(server.pid, 'SIGSTOP'),
    back: async () => process.kill(server.pid, 'SIGCONT'),
  };
}
