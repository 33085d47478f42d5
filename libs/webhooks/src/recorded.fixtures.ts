/** Webhooks as git hosts send them, and the signatures that the hosts put to them. recorded/README.md says whence. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Tool } from '@hybrid/contracts';
import { Webhook } from 'standardwebhooks';

export interface RecordedWebhook {
  name: string;
  tool: Tool;
  /** Those that do not depend on the secret. */
  headers: Record<string, string>;
  body: Buffer;
}

/** A secret for each tool, of the kind that its host makes or asks for. */
export const SECRETS: Record<Tool, string> = {
  github: "It's a Secret to Everybody",
  gitlab: 'correct horse battery staple',
  bitbucket: 'jGQ5rFpU0t9dVwK3xYhBnA2sLz8eMqRc',
  gitea: '3gEsCfjlV2ugRwgpU1w5WaW7wa4NXgGm',
  standard: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD',
  hmac: 'b1d4f6a8c0e2b1d4f6a8c0e2b1d4f6a8',
};

/** As the host would send it at that time (milliseconds since 1970). */
export function signedWebhook(
  { tool, headers, body }: RecordedWebhook,
  secret = SECRETS[tool],
  now = Date.now(),
): { headers: Record<string, string>; body: Buffer } {
  return { headers: { ...headers, ...signatures(tool, body, secret, now) }, body };
}

function signatures(tool: Tool, body: Buffer, secret: string, now: number): Record<string, string> {
  const hmac = (algorithm: string): string => createHmac(algorithm, secret).update(body).digest('hex');
  switch (tool) {
    case 'github':
      return {
        'x-hub-signature': `sha1=${hmac('sha1')}`,
        'x-hub-signature-256': `sha256=${hmac('sha256')}`,
      };
    case 'gitlab':
      return secret.startsWith('whsec_') ? standardHeaders(body, secret, now) : { 'x-gitlab-token': secret };
    case 'bitbucket':
      return { 'x-hub-signature': `sha256=${hmac('sha256')}` };
    case 'gitea':
      return {
        'x-gitea-signature': hmac('sha256'),
        'x-gogs-signature': hmac('sha256'),
        'x-hub-signature': `sha1=${hmac('sha1')}`,
        'x-hub-signature-256': `sha256=${hmac('sha256')}`,
      };
    case 'standard':
      return standardHeaders(body, secret, now);
    case 'hmac':
      return { 'x-signature': hmac('sha256') };
  }
}

/** By the standard's own library. */
function standardHeaders(body: Buffer, secret: string, now: number): Record<string, string> {
  const id = 'msg_2KWPBgLlAfxdpx2AI54pPJ85f4W';
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, new Date(now), body.toString()),
  };
}

const DELIVERY = '72d3162e-cc78-11e3-81ab-4c9367dc0958';
const json = { 'content-type': 'application/json' };

interface Example {
  name: string;
  examples: Payload[];
}

const file = createRequire(import.meta.url).resolve('@octokit/webhooks-examples/api.github.com/index.json');
const examples = JSON.parse(readFileSync(file, 'utf8')) as Example[];

function github(
  name: string,
  event: string,
  pick: (payload: Payload) => boolean,
  change = identity,
): RecordedWebhook {
  const payload = examples.find((example) => example.name === event)?.examples.find((one) => pick(one));
  if (!payload) throw new Error(`@octokit/webhooks-examples has no such ${event}`);
  return {
    name: `github-${name}`,
    tool: 'github',
    headers: {
      ...json,
      'user-agent': 'GitHub-Hookshot/044aadd',
      'x-github-event': event,
      'x-github-delivery': DELIVERY,
      'x-github-hook-id': '292430182',
    },
    body: Buffer.from(JSON.stringify(change(structuredClone(payload)))),
  };
}

interface Payload {
  ref: string;
  before: string;
  deleted: boolean;
  action: string;
  pull_request: { head: { repo: { id: number; full_name: string } } };
}

const identity = (payload: Payload): Payload => payload;

/** The examples have no pull request from a fork: this is one of theirs, with another repository to come from. */
function fromFork(payload: Payload): Payload {
  Object.assign(payload.pull_request.head.repo, { id: 42, full_name: 'mallory/Hello-World', fork: true });
  return payload;
}

function stored(tool: Tool, name: string, headers: Record<string, string>): RecordedWebhook {
  const body = readFileSync(join(import.meta.dirname, `recorded/${name}.json`));
  // Hosts send no line breaks between values.
  return {
    name,
    tool,
    headers: { ...json, ...headers },
    body: Buffer.from(JSON.stringify(JSON.parse(body.toString()))),
  };
}

const gitlab = (name: string, event: string): RecordedWebhook =>
  stored('gitlab', `gitlab-${name}`, {
    'user-agent': 'GitLab/18.4.0',
    'idempotency-key': 'f5e5f430-f57b-4e6e-9fac-d9128cd7232f',
    'x-gitlab-event': event,
    'x-gitlab-webhook-uuid': 'c6c5f5a8-5e0c-4f3e-8a0f-6a4d2f1c9b77',
    'x-gitlab-instance': 'https://gitlab.example.com',
    'x-gitlab-event-uuid': '13792a34-cac6-4fda-95a8-c58e00a3954e',
  });

const bitbucket = (name: string, event: string): RecordedWebhook =>
  stored('bitbucket', `bitbucket-${name}`, {
    'user-agent': 'Bitbucket-Webhooks/2.0',
    'x-event-key': event,
    'x-hook-uuid': '9b9b1f0e-6f8d-4c3a-8f0e-2f1c9b776a4d',
    'x-request-uuid': DELIVERY,
    'x-attempt-number': '1',
  });

const bitbucketDataCenter = (name: string, event: string): RecordedWebhook =>
  stored('bitbucket', `bitbucket-dc-${name}`, {
    'user-agent': 'Atlassian HttpClient 4.2.0 / Bitbucket-9.4.1 (9004001) / Default',
    'content-type': 'application/json; charset=utf-8',
    'x-event-key': event,
    'x-request-id': DELIVERY,
  });

const gitea = (name: string, event: string): RecordedWebhook =>
  stored('gitea', `gitea-${name}`, {
    ...Object.fromEntries(
      ['gitea', 'gogs', 'github'].flatMap((host) => [
        [`x-${host}-event`, event],
        [`x-${host}-event-type`, event],
        [`x-${host}-delivery`, DELIVERY],
      ]),
    ),
  });

export const RECORDED: readonly RecordedWebhook[] = [
  github('push', 'push', ({ ref }) => ref === 'refs/heads/master'),
  github('tag', 'push', ({ ref, deleted }) => ref === 'refs/tags/simple-tag' && !deleted),
  github('tag-deleted', 'push', ({ ref, deleted }) => ref === 'refs/tags/simple-tag' && deleted),
  github('pull-request', 'pull_request', ({ action }) => action === 'synchronize'),
  github('pull-request-fork', 'pull_request', ({ action }) => action === 'opened', fromFork),
  github('pull-request-labeled', 'pull_request', ({ action }) => action === 'labeled'),
  github('ping', 'ping', () => true),
  github('issues', 'issues', () => true),
  gitlab('push', 'Push Hook'),
  gitlab('tag', 'Tag Push Hook'),
  gitlab('merge-request', 'Merge Request Hook'),
  gitlab('merge-request-fork', 'Merge Request Hook'),
  gitlab('merge-request-label', 'Merge Request Hook'),
  gitlab('pipeline', 'Pipeline Hook'),
  bitbucket('push', 'repo:push'),
  bitbucket('tag', 'repo:push'),
  bitbucket('push-several', 'repo:push'),
  bitbucket('pull-request', 'pullrequest:created'),
  bitbucket('pull-request-fork', 'pullrequest:updated'),
  bitbucketDataCenter('push', 'repo:refs_changed'),
  bitbucketDataCenter('pull-request-fork', 'pr:opened'),
  bitbucketDataCenter('ping', 'diagnostics:ping'),
  gitea('push', 'push'),
  gitea('tag', 'push'),
  gitea('delete', 'delete'),
  gitea('pull-request', 'pull_request'),
  gitea('pull-request-fork', 'pull_request'),
  stored('standard', 'standard-event', {}),
];

export function recorded(name: string): RecordedWebhook {
  const found = RECORDED.find((webhook) => webhook.name === name);
  if (!found) throw new Error(`no recorded webhook ${name}`);
  return found;
}
