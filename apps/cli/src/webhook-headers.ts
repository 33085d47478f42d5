/** What each host sends beside the body of a webhook: the event, an id, and the proof that it knows the secret. */
import { createHmac, randomUUID } from 'node:crypto';
import type { Tool } from '@hybrid/contracts';

interface Sent {
  /** The host's name of it. */
  event: string;
  secret: string;
  body: Buffer;
  now: Date;
}

export function webhookHeaders(tool: Tool, { event, secret, body, now }: Sent): Record<string, string> {
  const id = randomUUID();
  const hex = createHmac('sha256', secret).update(body).digest('hex');
  switch (tool) {
    case 'github':
      return {
        'x-github-event': event,
        'x-github-delivery': id,
        'x-hub-signature-256': `sha256=${hex}`,
      };
    case 'gitlab':
      // With a signing token it signs as Standard Webhooks do, else it sends the secret itself.
      if (secret.startsWith('whsec_'))
        return {
          ...standardHeaders({ secret, body, now }, id),
          'x-gitlab-event': event,
          'x-gitlab-event-uuid': id,
        };
      return { 'x-gitlab-event': event, 'x-gitlab-event-uuid': id, 'x-gitlab-token': secret };
    case 'bitbucket':
      return { 'x-event-key': event, 'x-request-uuid': id, 'x-hub-signature': `sha256=${hex}` };
    case 'gitea':
      return { 'x-gitea-event': event, 'x-gitea-delivery': id, 'x-gitea-signature': hex };
    case 'standard':
      return standardHeaders({ secret, body, now }, `msg_${id}`);
    case 'hmac':
      return { 'x-event': event, 'x-delivery': id, 'x-signature': `sha256=${hex}` };
  }
}

function standardHeaders({ secret, body, now }: Omit<Sent, 'event'>, id: string): Record<string, string> {
  const seconds = `${Math.floor(now.getTime() / 1000)}`;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` };
}
