/** Webhooks as GitHub sends them, with a secret in everything that nobody has named. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type { Mark } from './mark.js';

export function headersOf(canary: Mark, event: string, signature: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    'x-github-event': event,
    'x-github-delivery': randomUUID(),
    'x-hub-signature-256': `sha256=${signature}`,
    'x-hub-signature': `sha1=${canary.value('sha1')}`,
    'user-agent': canary.value('webhookagent'),
    authorization: `Bearer ${canary.value('webhookauthorization')}`,
    cookie: `secret=${canary.value('webhookcookie')}`,
    baggage: `secret=${canary.value('webhookbaggage')}`,
    tracestate: `secret=${canary.value('webhookstate')}`,
    'x-secret': canary.value('webhookheader'),
  };
}

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
type Payload = Record<string, Json>;

const examples = createRequire(import.meta.url)('@octokit/webhooks-examples/api.github.com/index.json') as {
  name: string;
  examples: Payload[];
}[];

function exampleOf(event: string, pick: (payload: Payload) => boolean): Payload {
  const found = examples.find(({ name }) => name === event)?.examples.find(pick);
  if (!found) throw new Error(`@octokit/webhooks-examples has no such ${event}`);
  return structuredClone(found);
}

/** What config/webhooks/tools/github.yaml names, and what it looks at. */
const NAMED =
  /^\/(ref|before|after|action|sender\/login|repository\/full_name|commits\/\d+\/(added|modified|removed)\/\d+|pull_request\/(head|base)\/(ref|sha)|pull_request\/head\/repo\/full_name|pull_request\/labels\/\d+\/name)$/;

/** Every other text, and a key more in each object. */
function planted(value: Json, canary: Mark, path = ''): Json {
  if (typeof value === 'string') return NAMED.test(path) ? value : canary.value('payload');
  if (Array.isArray(value)) return value.map((one, index) => planted(one, canary, `${path}/${index}`));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, one]): [string, Json] => [
    key,
    planted(one, canary, `${path}/${key}`),
  ]);
  return Object.fromEntries([...entries, [canary.value('payloadkey'), canary.value('payloadvalue')]]);
}

export function pushOf(canary: Mark, crossing: Mark): string {
  const push = exampleOf('push', ({ ref }) => ref === 'refs/heads/master');
  return JSON.stringify(planted({ ...push, ref: `refs/heads/lawful-${crossing.text}` }, canary));
}

/** With a password where the address of a repository is. */
export function pullRequestOf(canary: Mark): string {
  const event = planted(
    exampleOf('pull_request', ({ action }) => action === 'opened'),
    canary,
  ) as Payload;
  const clone_url = `https://user:${canary.value('clonepassword')}@git.example.com/acme/shop.git`;
  return JSON.stringify({ ...event, repository: { ...(event['repository'] as Payload), clone_url } });
}
