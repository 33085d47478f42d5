/**
 * The closed JSON Schema of a delivery: the one source of what may cross of a webhook.
 * Two annotations of our own: `x-rule` says a pattern in words, `x-class` says what a field is to the boundary.
 */
import { DELIVERY_KINDS, TOOLS, type DeliveryKind, type DeliveryMetadata } from '@hybrid/contracts';

export type JsonSchema = Record<string, unknown>;

/** `metadata`: names and numbers of the host; `digest`: made of content that it does not tell; `reference`: points to something. */
export type FieldClass = 'metadata' | 'digest' | 'reference';

/** What hosts send of a webhook at most: GitHub's limit, the highest. */
export const WEBHOOK_MAX_BYTES = 25 * 1024 * 1024;
export const MAX_PATHS = 300;
/** Deliveries that one webhook becomes. */
export const MAX_PARTS = 100;

/** Without which there is no delivery. Whether a pull request comes from a fork is never guessed. */
export const REQUIRED_METADATA = {
  push: ['repository', 'branch'],
  tag: ['repository', 'tag'],
  pull_request: ['repository', 'pull_request', 'fork'],
  other: [],
} as const satisfies Record<DeliveryKind, readonly (keyof DeliveryMetadata)[]>;

const text = (of: FieldClass, max: number, pattern: string, rule: string): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength: max,
  pattern,
  'x-rule': rule,
  'x-class': of,
});

const uuid = (of: FieldClass): JsonSchema =>
  text(of, 36, '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', 'a UUID');

const name = (of: FieldClass): JsonSchema =>
  text(of, 100, '^[A-Za-z0-9][A-Za-z0-9._-]*$', 'letters, digits, dots, dashes and underscores');

const hostsWord = text(
  'metadata',
  100,
  '^[A-Za-z0-9][A-Za-z0-9 ._:/-]*$',
  'a word of letters, digits, spaces and . _ : / -',
);

/** One line: no control characters, no line or paragraph ends, nothing that turns the direction of writing. */
const ONE_LINE = '^[^\\p{Cc}\\p{Cs}\\u2028\\u2029\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]+$';
const line = (max: number): JsonSchema => text('metadata', max, ONE_LINE, 'one line of text');

const repository = text(
  'reference',
  300,
  '^(?!.*(?:^|/)\\.{1,2}(?:/|$))~?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)+$',
  'owner/name',
);

/** What git check-ref-format lets pass, and a little less: nothing that turns the direction of writing. */
const ref = text(
  'metadata',
  250,
  '^(?![/.-])(?!.*(?:\\.\\.|//|/\\.|@\\{|\\.lock(?:/|$)))' +
    '[^\\p{Cc}\\p{Cs}\\p{Z}\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069~^:?*[\\\\]+(?<![/.])$',
  'a name that git takes for a branch or tag',
);

const commit = text(
  'reference',
  64,
  '^(?!0+$)(?:[0-9a-f]{40}|[0-9a-f]{64})$',
  'the hash of a commit, 40 or 64 hex digits',
);

const flag: JsonSchema = { type: 'boolean', 'x-class': 'metadata' };

const metadata: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    repository,
    clone_url: text(
      'reference',
      500,
      '^(?:https|ssh)://[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/[A-Za-z0-9_.~%+/-]+$',
      'an https or ssh URL without user, password and query',
    ),
    branch: ref,
    tag: ref,
    commit,
    before: commit,
    deleted: flag,
    pull_request: { type: 'integer', minimum: 1, maximum: 2_000_000_000, 'x-class': 'metadata' },
    base_branch: ref,
    head_repository: repository,
    fork: flag,
    author: text(
      'metadata',
      100,
      "^[\\p{L}\\p{N}_{][\\p{L}\\p{M}\\p{N} ._@+:'{}\\[\\]-]*$",
      'a login: letters, digits and . _ @ + : - [ ] { }',
    ),
    labels: { type: 'array', maxItems: 40, items: line(100) },
    paths: { type: 'array', maxItems: MAX_PATHS, items: line(500) },
    paths_complete: flag,
    attributes: {
      type: 'object',
      maxProperties: 20,
      propertyNames: { type: 'string', maxLength: 50, pattern: '^[a-z][a-z0-9_]*$' },
      additionalProperties: line(128),
    },
  },
};

const required = Object.entries(REQUIRED_METADATA).map(([kind, fields]) => ({
  if: { properties: { kind: { const: kind } } },
  then: { properties: { metadata: { required: fields } } },
}));

export const deliverySchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Delivery: all that crosses of a webhook',
  type: 'object',
  additionalProperties: false,
  required: [
    'v',
    'id',
    'relay_id',
    'source',
    'tool',
    'kind',
    'event',
    'action',
    'delivery',
    'received_at',
    'payload',
    'metadata',
  ],
  properties: {
    v: { const: 1, 'x-class': 'metadata' },
    id: uuid('digest'),
    part: { type: 'integer', minimum: 1, maximum: MAX_PARTS - 1, 'x-class': 'metadata' },
    relay_id: uuid('reference'),
    source: name('reference'),
    tool: { type: 'string', enum: TOOLS, 'x-class': 'metadata' },
    kind: { type: 'string', enum: DELIVERY_KINDS, 'x-class': 'metadata' },
    event: hostsWord,
    action: { ...hostsWord, type: ['string', 'null'] },
    delivery: {
      ...text('reference', 200, '^[A-Za-z0-9._:{}/+=-]+$', 'an id without spaces'),
      type: ['string', 'null'],
    },
    received_at: text(
      'metadata',
      30,
      '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d{1,9})?Z$',
      'a time in RFC 3339, in UTC',
    ),
    payload: {
      type: 'object',
      additionalProperties: false,
      required: ['bytes', 'keyed_sha256', 'key_id'],
      properties: {
        bytes: { type: 'integer', minimum: 0, maximum: WEBHOOK_MAX_BYTES, 'x-class': 'metadata' },
        keyed_sha256: text('digest', 64, '^[0-9a-f]{64}$', 'a SHA-256 in hex'),
        key_id: name('reference'),
      },
    },
    metadata,
  },
  allOf: required,
};
