/** The JSON Schema of a pipeline file: the one source of its shape, for validation, editors and `GET /schema`. */
import {
  duration,
  env,
  flag,
  labels,
  name,
  pool,
  priority,
  record,
  retry,
  text,
  texts,
  timeout,
  type JsonSchema,
} from './schema/parts.js';
import { inputs, steps } from './schema/step.js';

const branches = texts('patterns of branches; all unless told', {
  length: 250,
  examples: [['main', 'release/*']],
});
const paths = texts('patterns of files of which one must have changed; any unless told', {
  length: 500,
  examples: [['apps/web/**', '!**/*.md']],
});
const tags = texts('patterns of tags', { length: 250, examples: ['v*'] });

const familiarEvents = {
  workflow_dispatch: 'write `manual`',
  cron: 'write `schedule: "0 3 * * *"`',
  merge_request: 'write `pull_request`',
  branches: 'write `push: {branches: […]}`',
  paths: 'write `push: {paths: […]}`',
  release: 'write `tag`',
};

const EVENTS = ['push', 'pull_request', 'manual', 'tag'];

const on: JsonSchema = {
  type: ['object', 'string', 'array', 'null'],
  pattern: `^(${EVENTS.join('|')})$`,
  'x-rule': `${EVENTS.join(', ')}, a list of them, or a map`,
  minItems: 1,
  items: { type: 'string', enum: EVENTS, 'x-instead': familiarEvents },
  additionalProperties: false,
  properties: {
    push: record(
      [],
      { branches, tags, paths },
      { type: ['object', 'null'], description: 'commits that arrive' },
    ),
    pull_request: record(
      [],
      { branches, paths },
      { type: ['object', 'null'], description: 'pull requests into these branches' },
    ),
    tag: tags,
    tags,
    schedule: {
      type: ['string', 'array'],
      maxLength: 100,
      minItems: 1,
      maxItems: 10,
      items: {
        type: ['string', 'object'],
        maxLength: 100,
        additionalProperties: false,
        required: ['cron'],
        properties: { cron: text('five fields, UTC', 100) },
      },
      description: 'cron: minute, hour, day, month, weekday; in UTC',
      examples: ['0 3 * * *', ['0 3 * * 1-5']],
    },
    manual: record(
      [],
      { inputs },
      { type: ['object', 'null'], description: 'what whoever starts a run is asked' },
    ),
    pipeline: texts('pipelines whose runs that succeeded start this one', { length: 63 }),
  },
  'x-instead': { ...familiarEvents, pipelines: 'write `pipeline`' },
  description: 'what starts runs by itself; by hand and by the API every pipeline can be started',
  examples: ['push', ['push', 'pull_request'], { push: { branches: ['main'] }, schedule: '0 3 * * *' }],
};

export const pipelineSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Pipeline (.hybrid/pipeline.yaml)',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'steps'],
  properties: {
    name: name('unique in the organisation'),
    on,
    env,
    defaults: record(
      [],
      { pool, timeout, retry, env, labels, priority, image: text('container image of shell steps') },
      { description: 'for steps that say nothing else' },
    ),
    timeout: duration('of the run as a whole; none unless told'),
    concurrency: {
      type: ['string', 'object'],
      minLength: 1,
      maxLength: 200,
      additionalProperties: false,
      required: ['group'],
      properties: {
        group: text('runs that come to the same text', 200),
        cancel_in_progress: flag('a new run cancels the one before; it waits for it unless told'),
      },
      'x-instead': { 'cancel-in-progress': 'write `cancel_in_progress`' },
      description: 'of the runs of one group only one runs at a time',
      examples: [{ group: 'web-{{.Branch}}', cancel_in_progress: true }],
    },
    steps,
  },
  'x-instead': {
    jobs: 'there are no jobs around steps: write `steps`; steps without `needs` run side by side',
    stages: 'there are no stages: write `needs` in steps',
    pipeline: 'write `steps`',
    variables: 'write `env`',
    environment: 'write `env`',
    when: 'write `on`',
    triggers: 'write `on`',
    permissions: 'agents hold the credentials; there is nothing to grant here',
    clone: 'every step begins with a checkout; there is nothing to say',
    services: '`services` stands in a step',
    cache: '`cache` stands in a step',
    image: 'write `defaults: {image: …}`',
    version: 'the language has one version; leave it out',
    'run-name': 'write `name`',
  },
};

/** The JSON Schema of a reusable template: what `uses: ./path.yaml` names. */
export const templateSchema: JsonSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'Reusable template of a pipeline',
  type: 'object',
  additionalProperties: false,
  required: ['steps'],
  properties: { inputs, steps },
  'x-instead': {
    name: 'a template has no name: its steps are called after the step that uses it',
    on: 'what starts runs stands in the pipeline',
    env: 'write `env` in the steps, or beside `uses`',
    defaults: 'those of the pipeline count here too',
  },
};

/** What a dynamic step writes. */
export const appendedSchema: JsonSchema = record(['steps'], { steps: { ...steps, minItems: 0 } });
