/** The schema of rules: when each fits, and what it does then. */
import { DELIVERY_KINDS, TOOLS } from '@hybrid/contracts';
import { flag, record, text, texts, words, type JsonSchema } from '@hybrid/pipeline';
import { name } from './schema-parts.js';

const patterns = (description: string, examples: unknown[], length = 250): JsonSchema =>
  texts(description, { length, examples });

/** One of the words, or a list of them. */
const some = (description: string, values: readonly string[]): JsonSchema => ({
  type: ['string', 'array'],
  pattern: `^(${values.join('|')})$`,
  'x-rule': `${values.join(', ')}, or a list of them`,
  minItems: 1,
  maxItems: values.length,
  items: { type: 'string', enum: values },
  description,
});

const when = record(
  [],
  {
    source: patterns('names of sources', [['github']]),
    tool: some('who sent it', TOOLS),
    kind: some(
      'what happened; events of kind `other` fit only where this or `event` asks for them',
      DELIVERY_KINDS,
    ),
    event: patterns("the host's own name of it", ['pull_request', ['Push Hook']]),
    action: patterns('what about it', [['opened', 'synchronize']]),
    repository: patterns('owner/name', ['acme/*'], 500),
    branch: patterns('of a push; of a pull request, the one with its commits', [['main', 'release/*']]),
    tag: patterns('tags', ['v*']),
    base_branch: patterns('of a pull request: the branch that it is for', ['main']),
    paths: patterns(
      'one of the changed files; fits where the host does not name them all',
      [['src/**']],
      500,
    ),
    author: patterns('logins', [['!*-bot']]),
    labels: patterns('one of the labels', ['deploy']),
    fork: flag('whether the commits come from another repository'),
    if: text('CEL over the delivery', 2_000),
  },
  {
    type: ['object', 'null'],
    description: 'all that is written must hold; nothing written: every event',
    'x-instead': {
      branches: 'write `branch`',
      repositories: 'write `repository`',
      tags: 'write `tag`',
      path: 'write `paths`',
      events: 'write `event`, or `kind`',
      label: 'write `labels`',
      on: 'write `kind`',
    },
  },
);

const values = (description: string): JsonSchema => ({
  type: 'object',
  maxProperties: 50,
  propertyNames: {
    type: 'string',
    maxLength: 63,
    pattern: '^[A-Za-z_][A-Za-z0-9_-]*$',
    'x-rule': 'a name of letters, digits, dashes and underscores that does not begin with a digit',
  },
  additionalProperties: { type: 'string', maxLength: 1_000 },
  description: `${description}: texts, with {{metadata.branch}} and the like`,
  examples: [{ version: '{{metadata.tag}}' }],
});

/** What each may say beside `do`. */
const actions: Record<string, { required?: string[]; properties: JsonSchema }> = {
  ignore: { properties: {} },
  triggers: { properties: {} },
  run: {
    required: ['pipeline'],
    properties: {
      pipeline: name('of the control plane'),
      pool: name('agents of this pool run it, instead of those that the pipeline names'),
      inputs: values('of the pipeline'),
    },
  },
  send: { properties: { message: values('what stands in the message beside the decision') } },
};

const action = (description: string): JsonSchema => ({
  type: 'object',
  required: ['do'],
  properties: {
    do: words(
      '`triggers`: what pipelines say under `on`; `run` a pipeline; `send` a message to the queue of decisions; `ignore`',
      Object.keys(actions),
    ),
  },
  allOf: Object.entries(actions).map(([verb, { required = [], properties }]) => ({
    if: { type: 'object', required: ['do'], properties: { do: { const: verb } } },
    then: record(['do', ...required], { do: { const: verb }, ...properties }),
  })),
  description,
  examples: [{ do: 'triggers' }, { do: 'run', pipeline: 'web' }],
});

export const routesSchema = record(
  ['rules'],
  {
    match: words('`first` rule that fits decides, or `all` that fit do their part; first unless told', [
      'first',
      'all',
    ]),
    rules: {
      type: 'array',
      maxItems: 200,
      items: record(['name', 'when', 'then'], {
        name: name('unique; stands in each decision'),
        when,
        then: action('what happens where it fits'),
      }),
      description: 'in the order in which they are asked',
    },
    default: action('where no rule fits; `triggers` unless told'),
  },
  { description: 'what an event brings about' },
);
