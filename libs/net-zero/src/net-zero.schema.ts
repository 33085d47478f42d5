/** The JSON Schema (draft-07) of a net-zero configuration: closed, bounded, and without a place for a secret. */
import { TOOLS } from '@hybrid/contracts';
import { record, words, type JsonSchema } from '@hybrid/pipeline';
import { queueSchema } from '@hybrid/user-queue';
import { routesSchema } from './routes.schema.js';
import { line, name } from './schema-parts.js';

/** By reference only: nothing in the file is a secret. */
const secret = (description: string): JsonSchema => ({
  type: 'object',
  'x-kind': 'where the secret is ({env: NAME}, {file: /path} or {vault: path}), never the secret itself',
  additionalProperties: false,
  minProperties: 1,
  maxProperties: 1,
  properties: {
    env: {
      type: 'string',
      pattern: '^[A-Za-z_][A-Za-z0-9_]{0,199}$',
      'x-rule': 'the name of an environment variable',
      writeOnly: true,
      description: 'an environment variable of the relay',
    },
    file: { ...line('a file that the relay reads', 500), writeOnly: true },
    vault: { ...line('a name in the vault', 500), writeOnly: true },
  },
  description,
  examples: [{ env: 'GITHUB_WEBHOOK_SECRET' }, { file: '/run/secrets/github-webhook' }],
});

const address = (description: string, schemes: string, example: string): JsonSchema => ({
  type: 'string',
  maxLength: 500,
  pattern: `^${schemes}://[^\\s@?#]+$`,
  'x-rule': 'an address without user, password and query',
  description,
  examples: [example],
});

const queue = (description: string): JsonSchema => ({ ...queueSchema, description });

const controlPlaneCredential = record(
  ['name'],
  { name: name('of the credential') },
  {
    description:
      'of the control plane: the name of a credential that its operator has put down for the organisation; not needed where it takes a role or is trusted by identity',
  },
);

const vault = record(
  ['kind', 'address'],
  {
    kind: words('which vault', [
      'hashicorp',
      'aws_secrets_manager',
      'azure_key_vault',
      'gcp_secret_manager',
      'file',
    ]),
    address: {
      type: 'string',
      maxLength: 500,
      pattern: '^[^\\s@?#]+$',
      'x-rule': 'an address, a region or a name, without user, password and query',
      description: "address, region, the vault's name or the project, as the kind has it",
      examples: ['https://vault.example.com:8200', 'eu-central-1'],
    },
    path: line('below which the secrets are', 500),
  },
  { description: 'where the secrets are, for people to know; the control plane never goes there' },
);

const controlPlane = record(
  ['url'],
  {
    url: address('of the control plane', 'https?', 'https://hybrid.example.com'),
    join_token: secret('with what the relay registers: a join token'),
    oauth2: record(
      ['token_url', 'client_id', 'client_secret'],
      {
        token_url: address('where tokens are given out', 'https?', 'https://login.example.com/oauth2/token'),
        client_id: line('of the relay', 200),
        client_secret: secret("the client's"),
        scope: line('what is asked for', 500),
        audience: line('whom the token is for', 500),
      },
      { description: 'or by the client credentials of OAuth 2.0' },
    ),
  },
  { description: 'where the relay registers and tells how it fares; it works without' },
);

const source = record(['name', 'tool', 'secrets'], {
  name: name('unique; the last part of its address, /webhooks/<name>'),
  tool: words('who sends: `standard` is standardwebhooks.com, `hmac` whoever signs by HMAC', TOOLS),
  secrets: {
    type: 'array',
    'x-kind': 'a list of references to secrets',
    minItems: 1,
    maxItems: 5,
    items: secret("the webhook's secret"),
    description: "the webhook's secret; several while one is being replaced",
  },
});

const relay = record(
  ['data', 'digest_key', 'sources'],
  {
    listen: {
      type: 'string',
      maxLength: 250,
      pattern: '^([A-Za-z0-9.-]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$',
      'x-rule': 'host:port',
      description: 'where it takes webhooks; 127.0.0.1:8085 unless told',
      examples: ['0.0.0.0:8085'],
    },
    data: line('folder of its spool, its ledger of deliveries and its own key', 500),
    control_plane: controlPlane,
    allow_plain_text: {
      type: 'boolean',
      description:
        'true: control plane and queue may be reached on other machines without TLS, where the network keeps others away',
    },
    digest_key: record(
      ['id', 'key'],
      { id: name('of the key, which stands beside each digest'), key: secret('at least 32 bytes, random') },
      { description: 'what digests of payloads are keyed with' },
    ),
    tools: line("folder of the tools' configurations; those that come with the relay unless told", 500),
    sources: {
      type: 'array',
      minItems: 1,
      maxItems: 50,
      items: source,
      description: 'webhooks that it takes',
    },
  },
  { description: "the relay's own part, which stays on the customer's side" },
);

const control: Record<string, JsonSchema> = {
  version: { type: 'integer', enum: [1], description: 'of this format' },
  name: name('of the connection, unique in the organisation'),
  environment: name('for people, such as production; one file is for one environment'),
  queue: queue('over which deliveries go'),
  decisions: queue('where messages about decisions go; needed by rules that send'),
  credentials: record(
    [],
    { control_plane: controlPlaneCredential },
    { description: 'how each side proves itself to the queue' },
  ),
  vault,
  routes: routesSchema,
};
const required = ['version', 'name', 'environment', 'queue', 'routes'];

export const netZeroSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Net-zero configuration (net-zero.yaml)',
  ...record(required, {
    ...control,
    credentials: record(
      [],
      { relay: secret('of the relay'), control_plane: controlPlaneCredential },
      { description: 'how each side proves itself to the queue' },
    ),
    relay,
  }),
};

const STAYS = "stays on the customer's side: `hybrid config apply` leaves it out";

/** Of what the control plane is told: without what is the relay's alone. */
export const controlPlaneSchema: JsonSchema = {
  ...record(required, {
    ...control,
    credentials: { ...control.credentials, 'x-instead': { relay: STAYS } },
  }),
  'x-instead': { relay: STAYS },
};
