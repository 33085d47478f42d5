/** The step types and the JSON Schema of each one's `config`: what the module schemas serve and the pipeline schema refers to. */
import { DURATION_PATTERN } from './duration.js';

export type JsonSchema = Record<string, unknown>;

/**
 * Two annotations of our own, ignored by other readers of the schema:
 * `x-planned` names keys or values that belong to the language but are not supported yet, with the message to show;
 * `x-rule` says in words what a pattern wants.
 */
export function planned(...names: string[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [name, `\`${name}\` is part of the language but not supported by this version`]),
  );
}

export const duration: JsonSchema = {
  type: ['string', 'integer'],
  pattern: DURATION_PATTERN,
  minimum: 0,
  maximum: 999_999,
  'x-rule': 'a duration such as 30s, 5m, 2h, or a number of seconds',
};

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
};

const text = (description: string, maxLength = 1000): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  description,
});
const key = text(
  'name under which the artifact is stored; letters, digits, dot, dash, underscore, and templates',
  200,
);

function config(required: string[], properties: JsonSchema, more: JsonSchema = {}): JsonSchema {
  return { type: 'object', additionalProperties: false, required, properties, ...more };
}

function listOf(required: string[], properties: JsonSchema): JsonSchema {
  return { type: 'array', maxItems: 100, items: config(required, properties) };
}

export const stepTypes: Record<string, JsonSchema> = {
  'step.shell_exec': config(
    ['commands'],
    {
      image: text('container image; left out: what the agent offers'),
      commands: {
        type: 'array',
        minItems: 1,
        maxItems: 500,
        items: { type: 'string', maxLength: 32_000 },
        description: 'run one after the other; the first that fails ends the step',
      },
      work_dir: text('directory of the workspace in the sandbox'),
      timeout: duration,
      env,
      network: { type: 'string', enum: ['bridge', 'none'] },
      artifacts_out: listOf(['key', 'path'], { key, path: text('file or folder in the workspace') }),
      artifacts_in: listOf(['key', 'dest'], {
        key,
        dest: text('where it is put in the workspace'),
        execution_id: text('run that stored it; this run unless told', 200),
      }),
    },
    { 'x-planned': planned('memory', 'cpu', 'pids', 'mounts', 'privileged', 'user') },
  ),
  'step.artifact_push': config(['source_path', 'key', 'dest'], {
    source_path: text('file or folder in the workspace'),
    key,
    dest: { type: 'string', enum: ['artifact_store'] },
  }),
  'step.artifact_pull': config(['source', 'key', 'dest'], {
    source: { type: 'string', enum: ['artifact_store', 'previous_execution'] },
    execution_id: text('run that stored it; this run unless told', 200),
    key,
    dest: text('where it is put in the workspace of the steps that need this one'),
  }),
  'step.gate': config(
    ['type', 'conditions'],
    {
      type: {
        type: 'string',
        enum: ['automatic'],
        'x-planned': {
          manual: 'manual gates are not supported yet; use `type: automatic` with `conditions`',
        },
      },
      conditions: {
        type: 'array',
        minItems: 1,
        maxItems: 50,
        items: { type: 'string', minLength: 1, maxLength: 2000 },
        description: 'CEL; the gate opens when all are true',
      },
    },
    { 'x-planned': planned('approvers', 'required', 'timeout', 'auto_approve_conditions') },
  ),
};

/** Step types of the full language that this version does not run. */
export const plannedStepTypes = planned(
  'step.docker_build',
  'step.docker_push',
  'step.docker_run',
  'step.scan_sast',
  'step.scan_container',
  'step.scan_deps',
  'step.deploy',
);
