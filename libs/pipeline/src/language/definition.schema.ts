/** The JSON Schema of a pipeline file: the one source of its shape, for validation, editors and `GET /schema`. */
import { MAX_MATRIX, MAX_STEPS } from './definition.js';
import { duration, env, planned, plannedStepTypes, stepTypes, type JsonSchema } from './step-types.js';

const pool: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$',
  maxLength: 100,
  'x-rule': 'a name of letters, digits, dots, dashes and underscores',
};

const retry: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { max_attempts: { type: 'integer', minimum: 1, maximum: 20 }, backoff: duration },
  'x-planned': planned('exit_codes'),
};

const name = (what: string): JsonSchema => ({
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9_-]{0,62}$',
  'x-rule': `${what} of at most 63 lower-case letters, digits, dashes and underscores that begins with a letter or digit`,
});

/** Names that templates can spell. */
const identifiers: JsonSchema = {
  type: 'string',
  pattern: '^[A-Za-z_][A-Za-z0-9_-]{0,62}$',
  'x-rule': 'a name of letters, digits, dashes and underscores that does not begin with a digit',
};

const step: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name', 'type', 'config'],
  properties: {
    name: name('a name'),
    type: { type: 'string', enum: Object.keys(stepTypes), 'x-planned': plannedStepTypes },
    needs: {
      type: 'array',
      maxItems: MAX_STEPS,
      items: { type: 'string' },
      description: 'steps that must end before this one',
    },
    if: { type: 'string', minLength: 1, maxLength: 2000, description: 'CEL' },
    matrix: {
      type: 'object',
      minProperties: 1,
      maxProperties: 10,
      propertyNames: {
        ...identifiers,
        not: { enum: ['include', 'exclude'] },
        'x-planned': planned('include', 'exclude'),
      },
      additionalProperties: {
        type: 'array',
        minItems: 1,
        maxItems: MAX_MATRIX,
        items: { type: ['string', 'number', 'boolean'], maxLength: 60 },
      },
    },
    env,
    pool,
    labels: {
      type: 'object',
      maxProperties: 50,
      additionalProperties: { type: 'string', minLength: 1, maxLength: 200 },
    },
    timeout: duration,
    retry,
    continue_on_error: { type: 'boolean' },
    config: { type: 'object' },
  },
  'x-planned': planned(
    'allow_failure',
    'annotations',
    'cache',
    'concurrency',
    'parallel',
    'services',
    'test_reports',
    'uses',
    'with',
  ),
  allOf: Object.entries(stepTypes).map(([type, config]) => ({
    if: { type: 'object', properties: { type: { const: type } }, required: ['type'] },
    then: { type: 'object', properties: { config } },
  })),
};

const manual: JsonSchema = {
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    inputs: {
      type: 'object',
      maxProperties: 50,
      propertyNames: identifiers,
      additionalProperties: {
        type: 'object',
        additionalProperties: false,
        required: ['type'],
        properties: {
          type: { type: 'string', enum: ['string', 'number', 'boolean'] },
          required: { type: 'boolean' },
          default: { type: ['string', 'number', 'boolean'], maxLength: 4000 },
          description: { type: 'string', maxLength: 1000 },
        },
      },
    },
  },
};

export const pipelineSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Pipeline (.hybrid/pipeline.yaml)',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'steps'],
  properties: {
    name: name('a name'),
    on: {
      type: ['object', 'null'],
      additionalProperties: false,
      properties: { manual },
      'x-planned': planned('push', 'pull_request', 'schedule', 'tag', 'webhook'),
    },
    env,
    defaults: {
      type: 'object',
      additionalProperties: false,
      properties: { pool, timeout: duration, retry },
      'x-planned': planned('env', 'image', 'labels'),
    },
    steps: { type: 'array', minItems: 1, maxItems: MAX_STEPS, items: step },
  },
  'x-planned': planned('cache', 'concurrency', 'parallel', 'services', 'templates', 'timeout', 'uses'),
};
