import { describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRoutingSettings } from '../routing.settings.js';
import { CustomerQueues } from './customer-queues.js';

describe('a queue of decisions', () => {
  it('of AWS is written to in the role of the customer, taken with the external id of the organisation', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hybrid-queues-'));
    await mkdir(join(folder, 'acme'));
    await writeFile(join(folder, 'acme', 'aws'), 'KEY:secret');
    const asked: URLSearchParams[] = [];
    const server = createServer((request, response) => {
      void request.toArray().then((chunks) => {
        asked.push(new URLSearchParams(Buffer.concat(chunks as Buffer[]).toString()));
        response.writeHead(403, { 'content-type': 'text/xml' });
        response.end('<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>');
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const role = 'arn:aws:iam::123456789012:role/decisions';
    const queue_url = `${endpoint}/123456789012/decisions`;
    const decisions = { kind: 'sqs', queue_url, aside: queue_url, region: 'eu-central-1', endpoint } as const;
    const settings = readRoutingSettings({ HYBRID_PRIVATE_QUEUES: 'yes', HYBRID_QUEUE_CREDENTIALS: folder });
    try {
      const writer = await new CustomerQueues(settings).writer(
        {
          connection: 'shop',
          version: 1,
          external_id: 'hybrid-acme',
          at: '2030-01-02T03:04:05.000Z',
          configuration: {
            version: 1,
            name: 'shop',
            environment: 'test',
            queue: { kind: 'directory', path: '/nowhere' },
            decisions: { ...decisions, reader_role_arn: role },
            credentials: { control_plane: { name: 'aws' } },
            routes: { rules: [] },
          },
        },
        'acme',
      );
      await expect(writer!.send(['decided'])).rejects.toMatchObject({ code: 'queue_denied' });
      await writer!.close();
      const said = Object.fromEntries(asked[0]!);
      expect(said).toMatchObject({ Action: 'AssumeRole', RoleArn: role, ExternalId: 'hybrid-acme' });
    } finally {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true });
    }
  });
});
