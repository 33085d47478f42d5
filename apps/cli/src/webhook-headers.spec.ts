import { createHmac, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { webhookHeaders } from './webhook-headers.js';

// From GitHub's documentation: "Validating webhook deliveries".
const DOCUMENTED = {
  secret: "It's a Secret to Everybody",
  body: Buffer.from('Hello, World!'),
  hex: '757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
};
const now = new Date();

describe('headers of a webhook', () => {
  const { secret, body, hex } = DOCUMENTED;
  const sent = { event: 'push', secret, body, now };

  it('are those that the hosts document', () => {
    expect(webhookHeaders({ tool: 'github' }, sent)).toMatchObject({
      'x-github-event': 'push',
      'x-hub-signature-256': `sha256=${hex}`,
    });
    expect(webhookHeaders({ tool: 'bitbucket' }, sent)).toMatchObject({
      'x-event-key': 'push',
      'x-hub-signature': `sha256=${hex}`,
    });
    expect(webhookHeaders({ tool: 'gitea' }, sent)).toMatchObject({
      'x-gitea-event': 'push',
      'x-gitea-signature': hex,
    });
    expect(webhookHeaders({ tool: 'gitlab' }, sent)).toMatchObject({
      'x-gitlab-event': 'push',
      'x-gitlab-token': secret,
    });
  });

  it.each(['standard', 'gitlab'] as const)('of %s are taken by the reference implementation', (tool) => {
    const signing = `whsec_${randomBytes(24).toString('base64')}`;
    const json = Buffer.from('{"type":"image.pushed"}');
    const headers = webhookHeaders({ tool }, { event: 'x', secret: signing, body: json, now });
    expect(new Webhook(signing).verify(json, headers)).toEqual({ type: 'image.pushed' });
    expect(headers).not.toHaveProperty('x-gitlab-token');
  });

  it('of whoever signs by HMAC are what the configuration says', () => {
    const signature = {
      header: 'x-sig',
      algorithm: 'sha512',
      encoding: 'base64',
      prefix: 'v0=',
      timestamp: { header: 'x-time', signed: '{timestamp}.{body}' },
    } as const;
    const at = new Date('2026-01-02T03:04:05Z');
    const headers = webhookHeaders({ tool: 'hmac', signature }, { ...sent, now: at });
    const expected = createHmac('sha512', secret).update('1767323045.Hello, World!').digest('base64');
    expect(headers).toMatchObject({ 'x-sig': `v0=${expected}`, 'x-time': '1767323045' });
  });
});
