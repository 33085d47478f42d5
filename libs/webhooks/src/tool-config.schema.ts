/** The JSON Schema of a tool's configuration. `config/schemas/webhook-tool.schema.json` is the same, for editors. */
import { DELIVERY_KINDS, TOOLS } from '@hybrid/contracts';
import { record, words, type JsonSchema } from '@hybrid/pipeline';
import { POINTER_PATTERN } from './pointer.js';

const POINTER_RULE = 'a JSON Pointer such as /repository/full_name; `*` stands for every item of a list';

const pointer = (description: string): JsonSchema => ({
  type: 'string',
  maxLength: 300,
  pattern: POINTER_PATTERN,
  'x-rule': POINTER_RULE,
  description,
});

/** One, or several of which the first that holds anything counts. */
const pointers = (description: string): JsonSchema => ({
  ...pointer(description),
  type: ['string', 'array'],
  minItems: 1,
  maxItems: 10,
  items: pointer('where to look'),
});

const header: JsonSchema = {
  type: 'string',
  maxLength: 100,
  pattern: '^[a-z0-9-]+$',
  'x-rule': 'the name of a header in small letters',
};

const headers = (description: string): JsonSchema => ({
  ...header,
  type: ['string', 'array'],
  minItems: 1,
  maxItems: 5,
  items: header,
  description,
});

const short = (description: string): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength: 100,
  description,
});

const source = (description: string): JsonSchema => ({
  ...pointers(description),
  type: ['string', 'array', 'object'],
  minProperties: 1,
  additionalProperties: false,
  properties: {
    from: pointers('where it stands'),
    header: headers('the header that it stands in'),
    join: { type: 'array', minItems: 2, maxItems: 5, items: pointer('where a part stands') },
    strip: short('what it must begin with, and what is taken away'),
    lower: { type: 'boolean', description: 'in small letters' },
    otherwise: short('where none of the places holds anything'),
  },
});

const test: JsonSchema = record([], {
  at: pointers('the place that is looked at'),
  count: pointer('the list whose items are counted'),
  is: {
    type: ['string', 'number', 'boolean', 'array'],
    maxLength: 200,
    maxItems: 20,
    items: { type: ['string', 'number', 'boolean'], maxLength: 200 },
    description: 'what it must be, or one of several',
  },
  begins: short('what it must begin with'),
  same: pointer('where the same must stand'),
  below: { type: 'integer', minimum: 0, maximum: 1_000_000 },
  there: { type: 'boolean', description: 'whether it must be there' },
  not: { type: 'boolean', description: 'the opposite must be true' },
});

const tests = (description: string, or: string[] = []): JsonSchema => ({
  ...test,
  type: ['object', 'array', ...or],
  minItems: 1,
  maxItems: 10,
  items: test,
  description,
});

const attribute = record(['pattern', 'max'], {
  from: pointers('where it stands'),
  header: headers('the header that it stands in'),
  pattern: { type: 'string', minLength: 1, maxLength: 200, description: 'of the whole text; without groups' },
  max: { type: 'integer', minimum: 1, maximum: 128, description: 'characters' },
});

const flags = (description: string): JsonSchema => tests(description, ['boolean']);

const metadataFields: Record<string, JsonSchema> = {
  repository: source('owner/name'),
  clone_url: source('https or ssh, without user and password'),
  branch: source('of a pull request: the one that its commits are on'),
  tag: source('the tag'),
  commit: source('the hash of the commit'),
  before: source('the hash of the commit before'),
  base_branch: source('of a pull request: the branch that it is for'),
  head_repository: source('of a pull request: where its commits are'),
  author: source('the login of whoever did it'),
  pull_request: pointers('its number'),
  deleted: flags('whether the branch or tag is gone'),
  fork: flags('whether the commits come from another repository'),
  labels: pointers('the names of labels'),
  paths: pointers('changed files'),
  paths_complete: flags('whether these are all; false unless told'),
};

const attributeNames = {
  type: 'string',
  maxLength: 50,
  pattern: '^[a-z][a-z0-9_]*$',
  'x-rule': 'a name of small letters, digits and underscores',
};

const attributes = (more: JsonSchema): JsonSchema => ({
  type: 'object',
  maxProperties: 20,
  propertyNames: attributeNames,
  additionalProperties: more,
  description: 'of your own; each needs a pattern and a length',
});

const eventFields = (metadata: JsonSchema): Record<string, JsonSchema> => ({
  event: {
    type: ['string', 'array'],
    minLength: 1,
    maxLength: 100,
    minItems: 1,
    maxItems: 30,
    items: short('as the host names it'),
    description: 'as the host names it, or several; `*`: whichever',
  },
  when: tests('what else must be true of it'),
  each: pointer('a list of which every item is an event of its own; pointers with a leading dot begin there'),
  kind: words('what it is to the routing', DELIVERY_KINDS),
  action: source('as the host names it'),
  metadata,
});

const eventNames = {
  type: 'string',
  maxLength: 50,
  pattern: '^[a-z][a-z0-9_-]*$',
  'x-rule': 'a name of small letters, digits, dashes and underscores',
};

const events = (of: JsonSchema): JsonSchema => ({
  type: 'object',
  maxProperties: 50,
  propertyNames: eventNames,
  additionalProperties: of,
  description: 'in their order: the first that fits an event takes it',
});

const signature = record(
  ['header', 'algorithm', 'encoding'],
  {
    header,
    algorithm: words('of the HMAC', ['sha256', 'sha512']),
    encoding: words('of the signature', ['hex', 'base64']),
    prefix: short('what stands before the signature, such as `sha256=`'),
    timestamp: record(['header', 'signed'], {
      header,
      signed: {
        type: 'string',
        maxLength: 100,
        pattern: '^[^{}]*\\{timestamp\\}[^{}]*\\{body\\}$',
        'x-rule': 'what is signed, with {timestamp} in it and {body} at its end',
      },
      tolerance_seconds: { type: 'integer', minimum: 1, maximum: 3600, description: '300 unless told' },
    }),
  },
  { description: 'how webhooks of the tool `hmac` are signed; the others have their own way' },
);

const common: Record<string, JsonSchema> = {
  event: source('where the name of the event stands'),
  delivery: source("where the host's id of the delivery stands"),
  form: { type: 'boolean', description: 'a form with the JSON in `payload` is taken as well' },
  ignore: {
    type: 'array',
    maxItems: 30,
    items: short('as the host names it'),
    description: 'events that are answered and not passed on, such as pings',
  },
  signature,
};

const orNull = (schema: JsonSchema): JsonSchema => ({
  ...schema,
  type: [...[schema['type']].flat(), 'null'],
});

const overridden = (fields: Record<string, JsonSchema>): Record<string, JsonSchema> =>
  Object.fromEntries(Object.entries(fields).map(([key, schema]) => [key, orNull(schema)]));

const environment = record([], {
  ...overridden(common),
  events: events(
    orNull(
      record(
        [],
        eventFields(
          record([], { ...overridden(metadataFields), attributes: orNull(attributes(orNull(attribute))) }),
        ),
      ),
    ),
  ),
});

export const toolSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: "Configuration of a webhook's tool (config/webhooks/tools/*.yaml)",
  ...record(['version', 'revision', 'tool', 'event', 'events'], {
    version: { const: 1, description: 'of the format' },
    revision: {
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'of the file: count it up with each change',
    },
    tool: words('whose webhooks these are', TOOLS),
    ...common,
    events: events(
      record(
        ['event', 'kind'],
        eventFields(record([], { ...metadataFields, attributes: attributes(attribute) })),
      ),
    ),
    environments: {
      type: 'object',
      maxProperties: 20,
      propertyNames: eventNames,
      additionalProperties: environment,
      description: 'what differs in one environment; a field with null is taken away',
    },
  }),
};
