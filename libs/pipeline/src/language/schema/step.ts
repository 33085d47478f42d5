/** The JSON Schema of a step, which pipelines and reusable templates share. */
import { MAX_MATRIX, MAX_STEPS } from '../definition.js';
import { pluginOptions, stepTypes } from '../step-types.js';
import {
  command,
  duration,
  env,
  exitCodes,
  flag,
  identifiers,
  labels,
  name,
  pool,
  priority,
  record,
  retry,
  someTexts,
  text,
  texts,
  timeout,
  whole,
  words,
  type JsonSchema,
} from './parts.js';

/** A path that stays in the repository, or an image. Plain names are told apart for the sake of the message. */
const USES_PATTERN = '^(\\./.{1,500}|docker://.{1,500}|[A-Za-z0-9@].{0,500})$';

const combination: JsonSchema = {
  type: 'object',
  minProperties: 1,
  maxProperties: 20,
  propertyNames: identifiers,
  additionalProperties: { type: ['string', 'number', 'boolean'], maxLength: 60 },
};

const matrix: JsonSchema = {
  type: 'object',
  minProperties: 1,
  maxProperties: 12,
  propertyNames: identifiers,
  properties: {
    include: {
      type: 'array',
      maxItems: MAX_MATRIX,
      items: combination,
      description: 'values added to the combinations that they fit, or combinations of their own',
      examples: [[{ node: 24, experimental: true }]],
    },
    exclude: {
      type: 'array',
      maxItems: MAX_MATRIX,
      items: combination,
      description: 'combinations that have these values are left out',
    },
  },
  additionalProperties: {
    type: 'array',
    minItems: 1,
    maxItems: MAX_MATRIX,
    items: { type: ['string', 'number', 'boolean'], maxLength: 60 },
  },
  'x-instead': {
    matrix: 'write the lists themselves here',
  },
  description: 'lists of values by name; the step runs once for each combination',
  examples: [{ node: [20, 24], os: ['linux'] }],
};

const service: JsonSchema = {
  image: text('container image', 500),
  env,
  command: command('instead of the image’s'),
  ready: command('run in it until it ends with 0: then the step begins'),
  ready_timeout: duration('how long it may take to be ready; 60s unless told'),
};

const otherServices = {
  environment: 'write `env`',
  ports: 'the step reaches every port of a service by its name; leave them out',
  healthcheck: 'write `ready`',
  options: 'write `env`, `command` and `ready`',
  entrypoint: 'write `command`',
  volumes: 'services see no folders of the machine; make an image that has what they need',
};

const serviceName: JsonSchema = {
  type: 'string',
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  'x-rule': 'a host name of lower-case letters, digits and dashes',
};

const services: JsonSchema = {
  type: ['object', 'array'],
  maxProperties: 20,
  maxItems: 20,
  propertyNames: serviceName,
  additionalProperties: {
    ...record(['image'], service, { 'x-instead': otherServices }),
    type: ['string', 'object'],
    minLength: 1,
    maxLength: 500,
  },
  items: record(
    ['name', 'image'],
    { name: { ...serviceName, description: 'its host name' }, ...service },
    { 'x-instead': otherServices },
  ),
  description: 'containers beside the step, reachable by their names',
  examples: [{ postgres: 'postgres:17' }],
};

const cacheEntry: JsonSchema = record(['key', 'paths'], {
  key: {
    ...text('found again by it', 500),
    examples: ["npm-{{hashFiles 'package-lock.json'}}"],
  },
  paths: someTexts('in the workspace, or ~/…', { max: 50, examples: [['~/.npm']] }),
  restore_keys: texts('beginnings of keys to fall back to, best first', { max: 20, length: 500 }),
});

const cache: JsonSchema = {
  ...cacheEntry,
  type: ['object', 'array'],
  minItems: 1,
  maxItems: 20,
  items: cacheEntry,
  'x-instead': { path: 'write `paths`', 'restore-keys': 'write `restore_keys`' },
  description: 'files that are kept between runs, on the agent’s side',
};

const stepSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: name('unique in the file'),
    type: {
      type: 'string',
      enum: Object.keys(stepTypes),
      description: 'what the step does; its settings stand in `config`',
      'x-instead': {
        'step.plugin': 'write `uses: docker://image` and `with`',
        ...Object.fromEntries(Object.keys(stepTypes).map((type) => [type.slice(5), `write \`${type}\``])),
        'step.shell': 'write `step.shell_exec`',
        shell: 'write `step.shell_exec`',
      },
    },
    uses: {
      type: 'string',
      maxLength: 510,
      pattern: USES_PATTERN,
      'x-rule': 'a file of the repository such as ./templates/node.yaml, or a plugin such as docker://image',
      description:
        'a reusable template (./path.yaml), or a plugin (docker://image), instead of type and config',
      examples: ['./templates/node.yaml', 'docker://plugins/slack'],
    },
    with: {
      type: 'object',
      maxProperties: 100,
      description: 'inputs of the template, settings of the plugin',
    },
    needs: texts('steps that must end before this one', { max: MAX_STEPS, length: 200 }),
    if: text('CEL: the step is skipped where it is false', 2000),
    matrix,
    parallel: whole(
      'the step runs so many times: HYBRID_PARALLEL_INDEX of HYBRID_PARALLEL_TOTAL',
      1,
      MAX_MATRIX,
    ),
    max_parallel: whole('of the instances of the step only so many run at a time', 1, MAX_MATRIX),
    fail_fast: flag('the first instance that fails cancels the others'),
    env,
    pool,
    labels,
    priority,
    timeout,
    queue_timeout: duration('it fails when no agent took it for so long; it waits for ever unless told'),
    retry,
    continue_on_error: flag('its failure counts as success for the steps after it and for the run'),
    allow_failure: {
      type: ['boolean', 'object'],
      additionalProperties: false,
      required: ['exit_codes'],
      properties: { exit_codes: exitCodes('only failures with these are forgiven') },
      description: '`true` is `continue_on_error: true`',
    },
    concurrency: {
      type: ['string', 'object'],
      minLength: 1,
      maxLength: 200,
      additionalProperties: false,
      required: ['group'],
      properties: {
        group: text('jobs of all runs that come to the same text', 200),
        limit: whole('so many of them run at a time; 1 unless told', 1, 100),
      },
      description: 'of the steps of one group, in all runs, only so many run at a time',
      examples: [{ group: 'deploy-production', limit: 1 }],
    },
    services,
    cache,
    test_reports: texts('JUnit XML in the workspace; * and ** stand for names', {
      max: 50,
      length: 500,
      examples: ['reports/**/*.xml'],
    }),
    dynamic: flag('the step may append steps to its run: YAML in the file that HYBRID_STEPS names'),
    config: { type: 'object', description: 'settings of the step type' },
  },
  'x-instead': {
    run: 'write `type: step.shell_exec` and `config: {commands: […]}`',
    script: 'write `type: step.shell_exec` and `config: {commands: […]}`',
    commands: '`commands` stands in `config`',
    command: 'write `config: {commands: […]}`',
    image: '`image` stands in `config`',
    settings: 'write `with`',
    environment: 'write `env`; the environment of a deployment stands in `config`',
    variables: 'write `env`',
    secrets: 'write `env: {NAME: "{{.Secrets.NAME}}"}`',
    depends_on: 'write `needs`',
    stage: 'there are no stages: write `needs`',
    when: 'write `if`',
    only: 'write `if`',
    rules: 'write `if`',
    agents: 'write `pool` and `labels`',
    'runs-on': 'write `pool` and `labels`',
    tags: 'write `labels`',
    strategy: 'write `matrix`, `fail_fast` and `max_parallel`',
    parallelism: 'write `parallel`',
    key: 'write `name`',
    id: 'write `name`',
    label: 'write `name`',
    artifacts: 'write `config: {artifacts_out: […]}`',
    artifact_paths: 'write `config: {artifacts_out: […]}`',
    soft_fail: 'write `allow_failure`',
    failure: 'write `allow_failure`',
    'continue-on-error': 'write `continue_on_error`',
    'timeout-minutes': 'write `timeout: 30m`',
    timeout_in_minutes: 'write `timeout: 30m`',
    concurrency_group: 'write `concurrency: {group: …, limit: …}`',
    volumes: 'write `config: {mounts: […]}`',
    'working-directory': 'begin `config.commands` with `cd folder`',
    working_directory: 'begin `config.commands` with `cd folder`',
    work_dir: '`work_dir` stands in `config`',
    privileged:
      'containers never are privileged; `config.docker_socket` and `config.mounts` give what the agent allows',
  },
  allOf: [
    { if: { type: 'object', required: ['uses'] }, else: { type: 'object', required: ['type', 'config'] } },
    {
      if: {
        type: 'object',
        properties: { uses: { type: 'string', pattern: '^docker://' }, type: false },
        required: ['uses'],
      },
      then: { type: 'object', properties: { config: pluginOptions } },
    },
    ...Object.entries(stepTypes).map(([type, config]) => ({
      if: { type: 'object', properties: { type: { const: type } }, required: ['type'] },
      then: { type: 'object', properties: { config } },
    })),
  ],
};

export const steps: JsonSchema = {
  type: 'array',
  minItems: 1,
  maxItems: MAX_STEPS,
  items: stepSchema,
  description: 'what is done; steps without `needs` begin at once, side by side',
};

/** What a run, or a template, is given. */
export const inputs: JsonSchema = {
  type: 'object',
  maxProperties: 50,
  propertyNames: identifiers,
  additionalProperties: {
    type: 'object',
    additionalProperties: false,
    required: ['type'],
    properties: {
      type: words('what it must be', ['string', 'number', 'boolean']),
      required: flag('there is no run without it'),
      default: {
        type: ['string', 'number', 'boolean'],
        maxLength: 4000,
        description: 'its value where none is given',
      },
      description: { type: 'string', maxLength: 1000, description: 'for people' },
    },
    'x-instead': { options: 'choices are not known here; check the value in a step' },
  },
  description: 'what is asked, by name: {{.Inputs.name}} and inputs.name stand for it',
  examples: [{ version: { type: 'string', required: true } }],
};
