/**
 * Pieces that the schemas share. Annotations of our own, which other readers of a JSON Schema ignore:
 * `x-rule` says in words what a pattern wants, `x-kind` what kind of value is wanted;
 * `x-instead` names keys or values that other systems have, with what to write here.
 */
import { DURATION_PATTERN } from '../duration.js';
import { SIZE_PATTERN } from '../size.js';

export type JsonSchema = Record<string, unknown>;

export const duration = (description: string): JsonSchema => ({
  type: ['string', 'integer'],
  pattern: DURATION_PATTERN,
  minimum: 0,
  maximum: 9_999_999,
  'x-rule': 'a duration such as 30s, 5m, 2h, 1d, or a number of seconds',
  description,
  examples: ['30s', '5m', '2h'],
});

export const timeout = duration('of one attempt, its checkout included; an hour unless told, at most 24h');

/** Scalars by name, which become texts as they were written. */
export const env: JsonSchema = {
  type: 'object',
  maxProperties: 500,
  propertyNames: {
    type: 'string',
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    maxLength: 200,
    'x-rule': 'a name of letters, digits and underscores that does not begin with a digit',
  },
  additionalProperties: { type: ['string', 'number', 'boolean'], maxLength: 32_000 },
  description: 'environment variables; numbers are taken as written, {{.Secrets.NAME}} stands for a secret',
  examples: [{ NODE_ENV: 'production', TOKEN: '{{.Secrets.TOKEN}}' }],
};

export const text = (description: string, maxLength = 1000): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  description,
});

export const flag = (description: string): JsonSchema => ({ type: 'boolean', description });

export const words = (description: string, values: readonly string[], more: JsonSchema = {}): JsonSchema => ({
  type: 'string',
  enum: values,
  description,
  ...more,
});

export const whole = (description: string, minimum: number, maximum: number): JsonSchema => ({
  type: 'integer',
  minimum,
  maximum,
  description,
});

/** One text, or a list of them. */
export const texts = (
  description: string,
  { max = 100, length = 1000, examples }: { max?: number; length?: number; examples?: unknown[] } = {},
): JsonSchema => ({
  type: ['string', 'array'],
  minLength: 1,
  maxLength: length,
  maxItems: max,
  items: { type: 'string', minLength: 1, maxLength: length },
  description,
  ...(examples && { examples }),
});

/** Those of which there must be at least one. */
export const someTexts = (...args: Parameters<typeof texts>): JsonSchema => ({
  ...texts(...args),
  minItems: 1,
});

/** A program and its arguments, or one text for the shell. */
export const command = (description: string): JsonSchema =>
  someTexts(`${description}: a list is run as it is, a text by sh`, { length: 4_000 });

export const record = (required: string[], properties: JsonSchema, more: JsonSchema = {}): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required,
  properties,
  ...more,
});

export const listOf = (description: string, required: string[], properties: JsonSchema): JsonSchema => ({
  type: 'array',
  maxItems: 100,
  items: record(required, properties),
  description,
});

export const name = (description: string): JsonSchema => ({
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
  'x-rule':
    'a name of at most 63 lower-case letters, digits, dashes and underscores that begins with a letter or digit',
  description,
});

/** Names that templates can spell. */
export const identifiers: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,62}$',
  'x-rule': 'a name of letters, digits, dashes and underscores that does not begin with a digit',
};

export const pool: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  maxLength: 100,
  'x-rule': 'a name of letters, digits, dots, dashes and underscores',
  description: 'agents of this pool run it; `default` unless told',
};

export const labels: JsonSchema = {
  type: 'object',
  maxProperties: 50,
  additionalProperties: { type: ['string', 'number', 'boolean'], minLength: 1, maxLength: 200 },
  description: 'labels that the agent must have',
  examples: [{ os: 'linux', arch: 'arm64' }],
};

export const priority = words('the queue takes more urgent steps first; NORMAL unless told', [
  ...['critical', 'high', 'normal', 'low'],
  ...['CRITICAL', 'HIGH', 'NORMAL', 'LOW'],
]);

export const exitCodes = (description: string): JsonSchema => ({
  type: ['integer', 'array'],
  minimum: -1,
  maximum: 255,
  minItems: 1,
  maxItems: 50,
  items: { type: 'integer', minimum: -1, maximum: 255 },
  description,
  examples: [[1, 137]],
});

export const retry: JsonSchema = {
  type: ['integer', 'object'],
  minimum: 0,
  maximum: 19,
  additionalProperties: false,
  properties: {
    max_attempts: whole('all attempts, the first included', 1, 20),
    backoff: duration('pause before the second attempt; 5s unless told'),
    factor: {
      type: 'number',
      minimum: 1,
      maximum: 10,
      description: 'by which the pause grows; 2 unless told',
    },
    max_backoff: duration('no pause is longer; an hour unless told'),
    exit_codes: exitCodes('only failures with these are tried again; -1: the step could not be run'),
  },
  'x-instead': {
    limit: 'write `max_attempts`, which counts the first attempt too',
    max: 'write `max_attempts`, which counts the first attempt too',
    attempts: 'write `max_attempts`',
    automatic: 'write `retry: {max_attempts: …, exit_codes: […]}`',
  },
  description: 'a number of retries (`retry: 2` makes three attempts), or a map',
  examples: [2, { max_attempts: 3, backoff: '10s', exit_codes: [1] }],
};

/** Where the workspace is put. A folder of it is no such place: the commands would run at its top all the same. */
export const workDir: JsonSchema = {
  type: 'string',
  maxLength: 1000,
  pattern: '^(/(?!workspace/.)|\\{\\{)',
  'x-rule':
    'the absolute path at which the workspace lies in the container (to work in a folder of it begin `commands` with `cd folder`)',
  description: 'where the workspace lies in the container; /workspace unless told',
  examples: ['/src'],
};

export const artifactKey = text(
  'name under which the artifact is stored: letters, digits, dot, dash, underscore, and templates',
  200,
);

export const retentionDays = whole('deleted after so many days', 1, 3650);

export const artifactsOut = listOf('stored when the step ends well', ['key', 'path'], {
  key: artifactKey,
  path: text('file or folder in the workspace'),
  retention_days: retentionDays,
});

export const artifactsIn = listOf('put into the workspace before the step begins', ['key', 'dest'], {
  key: artifactKey,
  dest: text('where it is put in the workspace'),
  execution_id: text('run that stored it; this run unless told', 200),
});

/** What bounds a container. */
export const sandbox: JsonSchema = {
  memory: {
    type: ['string', 'integer'],
    pattern: SIZE_PATTERN,
    minimum: 0,
    'x-rule': 'a size such as 512MiB, 2g, or a number of bytes',
    description: 'limit; k, m and g count in 1024s, with or without `iB` or `B` behind them',
    examples: ['512MiB', '2g'],
  },
  cpu: { type: 'number', minimum: 0.01, maximum: 512, description: 'cores', examples: [1.5] },
  pids: whole('processes and threads', 1, 1_000_000),
  network: words('`none`: no network at all', ['bridge', 'none']),
  user: {
    type: 'string',
    pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$',
    'x-rule': 'a user such as 1000, 1000:1000 or node',
    description: 'user in the container, and group if told',
  },
  read_only: flag('the root file system cannot be written; the workspace and /tmp can'),
  mounts: {
    type: 'array',
    maxItems: 20,
    items: {
      type: ['string', 'object'],
      pattern: '^/[^:]{0,500}:/[^:]{0,500}(:r[ow])?$',
      'x-rule': 'a mount such as /srv/cache:/cache or /srv/cache:/cache:ro',
      additionalProperties: false,
      required: ['source', 'target'],
      properties: {
        source: text('absolute path on the agent’s machine, which the agent must allow'),
        target: text('absolute path in the container'),
        read_only: flag('it cannot be written'),
      },
    },
    description: 'folders of the agent’s machine, which its own settings must allow',
    examples: [['/srv/cache:/cache:ro']],
  },
  docker_socket: flag('the engine’s socket in the container, which the agent’s settings must allow'),
};
