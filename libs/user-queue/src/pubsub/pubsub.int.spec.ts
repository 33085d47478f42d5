import { describe, expect, it } from '@jest/globals';
import type { PubSubQueue } from '../queue-config.js';
import './trusted-roots.fixtures.js';

// After the roots: Jest loads what is not an ES module before any that imports it runs.
const { openReader } = await import('../open.js');
const { describeQueue } = await import('../queue-contract.fixtures.js');
const { startPubSub } = await import('./pubsub-server.fixtures.js');

describeQueue('gcp pub/sub (a fake of its API)', startPubSub, {
  backlog: 'only Cloud Monitoring knows it',
  'counts deliveries': 'with a dead-letter policy only',
});

describe('gcp pub/sub', () => {
  const config: PubSubQueue = { kind: 'gcp_pubsub', project: 'p', topic: 't', subscription: 's', aside: 'a' };

  it.each([
    '',
    '{"private_key":"half a secr',
    '{"type":"external_account","credential_source":{"executable":{}}}',
  ])('takes keys of service accounts alone, and repeats nothing: %s', async (credential) => {
    await expect(openReader(config, { credential })).rejects.toMatchObject({
      code: 'queue_misconfigured',
      message: 'the credential of Google must be the JSON of a key of a service account',
    });
  });

  it('never shows the identity of the machine to a host that is not of Google', async () => {
    await expect(openReader({ ...config, endpoint: 'pubsub.example.com:443' })).rejects.toMatchObject({
      code: 'queue_misconfigured',
    });
  });
});
