import { randomBytes } from 'node:crypto';
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
    expect(webhookHeaders('github', sent)).toMatchObject({
      'x-github-event': 'push',
      'x-hub-signature-256': `sha256=${hex}`,
    });
    expect(webhookHeaders('bitbucket', sent)).toMatchObject({
      'x-event-key': 'push',
      'x-hub-signature': `sha256=${hex}`,
    });
    expect(webhookHeaders('gitea', sent)).toMatchObject({
      'x-gitea-event': 'push',
      'x-gitea-signature': hex,
    });
    expect(webhookHeaders('gitlab', sent)).toMatchObject({
      'x-gitlab-event': 'push',
      'x-gitlab-token': secret,
    });
  });

  it.each(['standard', 'gitlab'] as const)('of %s are taken by the reference implementation', (tool) => {
    const signing = `whsec_${randomBytes(24).toString('base64')}`;
    const json = Buffer.from('{"type":"image.pushed"}');
    const headers = webhookHeaders(tool, { event: 'x', secret: signing, body: json, now });
    expect(new Webhook(signing).verify(json, headers)).toEqual({ type: 'image.pushed' });
    expect(headers).not.toHaveProperty('x-gitlab-token');
  });
});
