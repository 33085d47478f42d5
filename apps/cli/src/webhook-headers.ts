/** What each host sends beside the body of a webhook: the event, an id, and the proof that it knows the secret. */
import { createHmac, randomUUID } from 'node:crypto';
import type { ToolConfig } from '@hybrid/webhooks';

interface Sent {
  /** The host's name of it. */
  event: string;
  secret: string;
  body: Buffer;
  now: Date;
}

/** `tool`: of an hmac webhook, with how it is signed. */
export function webhookHeaders(
  { tool, signature }: Pick<ToolConfig, 'tool' | 'signature'>,
  { event, secret, body, now }: Sent,
): Record<string, string> {
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
      if (!signature) throw new Error('the configuration of an hmac webhook must say how it is signed');
      return { 'x-event': event, 'x-delivery': id, ...hmacHeaders(signature, { secret, body, now }) };
  }
}

function hmacHeaders(
  { header, algorithm, encoding, prefix = '', timestamp }: NonNullable<ToolConfig['signature']>,
  { secret, body, now }: Omit<Sent, 'event'>,
): Record<string, string> {
  const seconds = `${Math.floor(now.getTime() / 1000)}`;
  const hmac = createHmac(algorithm, secret);
  if (timestamp) hmac.update(timestamp.signed.replace('{timestamp}', seconds).replace('{body}', ''));
  return {
    [header]: `${prefix}${hmac.update(body).digest(encoding)}`,
    ...(timestamp && { [timestamp.header]: seconds }),
  };
}

function standardHeaders({ secret, body, now }: Omit<Sent, 'event'>, id: string): Record<string, string> {
  const seconds = `${Math.floor(now.getTime() / 1000)}`;
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${seconds}.`).update(body).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${signature}` };
}
