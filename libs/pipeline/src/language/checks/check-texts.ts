/** Checks templates and conditions: syntax, names, and that each looks only at steps that have ended by then. */
import { ConditionError, parseCondition } from '../condition.js';
import type { StepDefinition } from '../definition.js';
import { child } from '../document.js';
import type { Draft } from './draft.js';
import { comesAfter } from '../graph.js';
import { didYouMean, nearest } from '../nearest.js';
import { referencesIn, TemplateError, type Reference } from '../template.js';

const RUN_ROOTS = ['Version', 'Branch', 'Commit', 'RunID', 'PreviousExecutionID', 'Inputs'];
/** What keys of artifacts may hold: they must be known before the step runs, and be the same for whoever asks. */
const KEY_ROOTS = [...RUN_ROOTS, 'Matrix'];
const STEP_ROOTS = [...KEY_ROOTS, 'Env', 'Steps'];
const ALL_ROOTS = [...STEP_ROOTS, 'Secrets'];

/** What a text may refer to. */
interface Scope {
  roots: string[];
  env: string[];
  step?: number;
}

export function checkTexts(draft: Draft): void {
  const { definition } = draft;
  checkMap(draft, definition.env, '/env', { roots: [...RUN_ROOTS, 'Secrets'], env: [] });
  const pipelineEnv = Object.keys(definition.env);
  definition.steps.forEach((step, index) => {
    const at = `/steps/${index}`;
    if (step.if !== null) checkCondition(draft, step.if, `${at}/if`, index);
    const withEnv = [...pipelineEnv, ...Object.keys(step.env)];
    checkMap(draft, step.env, `${at}/env`, { roots: ALL_ROOTS, env: pipelineEnv, step: index });
    checkConfig(draft, step, index, withEnv);
  });
}

function checkConfig(draft: Draft, step: StepDefinition, index: number, env: string[]): void {
  const at = `/steps/${index}/config`;
  const keys: Scope = { roots: KEY_ROOTS, env, step: index };
  const plain: Scope = { roots: STEP_ROOTS, env, step: index };
  const text = (value: string | undefined, pointer: string, scope: Scope): void => {
    if (value !== undefined) checkText(draft, value, pointer, scope);
  };
  switch (step.type) {
    case 'step.shell_exec': {
      const { config } = step;
      checkMap(draft, config.env, `${at}/env`, { roots: ALL_ROOTS, env, step: index });
      const all: Scope = { roots: ALL_ROOTS, env: [...env, ...Object.keys(config.env)], step: index };
      const inner: Scope = { ...plain, env: all.env };
      text(config.image, `${at}/image`, inner);
      text(config.work_dir, `${at}/work_dir`, inner);
      config.commands.forEach((command, line) => text(command, `${at}/commands/${line}`, all));
      config.artifacts_out.forEach(({ key, path }, item) => {
        text(key, `${at}/artifacts_out/${item}/key`, keys);
        text(path, `${at}/artifacts_out/${item}/path`, inner);
      });
      config.artifacts_in.forEach(({ key, dest, execution_id }, item) => {
        text(key, `${at}/artifacts_in/${item}/key`, keys);
        text(dest, `${at}/artifacts_in/${item}/dest`, inner);
        text(execution_id, `${at}/artifacts_in/${item}/execution_id`, inner);
      });
      return;
    }
    case 'step.artifact_push':
      text(step.config.key, `${at}/key`, keys);
      // Read when the step that makes the files starts, which is before this one.
      text(step.config.source_path, `${at}/source_path`, keys);
      return;
    case 'step.artifact_pull':
      text(step.config.key, `${at}/key`, keys);
      text(step.config.dest, `${at}/dest`, plain);
      text(step.config.execution_id, `${at}/execution_id`, plain);
      return;
    case 'step.gate':
      if (step.config.type === 'automatic')
        step.config.conditions.forEach((condition, item) =>
          checkCondition(draft, condition, `${at}/conditions/${item}`, index),
        );
      return;
    default:
      return;
  }
}

function checkMap(draft: Draft, map: Record<string, string>, pointer: string, scope: Scope): void {
  for (const [key, value] of Object.entries(map)) checkText(draft, value, child(pointer, key), scope);
}

function checkText(draft: Draft, text: string, pointer: string, scope: Scope): void {
  try {
    for (const reference of referencesIn(text)) {
      const fault = faultOf(draft, reference, scope);
      if (fault) draft.report(pointer, `${reference.source}: ${fault}`);
    }
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    draft.report(pointer, error.message);
  }
}

function faultOf(draft: Draft, { path }: Reference, { roots, env, step }: Scope): string | undefined {
  const { definition } = draft;
  const [root = '', name = '', field, output] = path;
  if (!ALL_ROOTS.includes(root)) {
    const candidate = nearest(root, ALL_ROOTS);
    return `there is no \`${root}\`; ${candidate ? `did you mean \`${candidate}\`?` : `known: ${ALL_ROOTS.join(', ')}`}`;
  }
  if (!roots.includes(root)) return `\`${root}\` can't be used here; what can: ${roots.join(', ')}`;
  switch (root) {
    case 'Env':
      return path.length === 2 ? unknown('environment variable', name, env) : 'write {{.Env.NAME}}';
    case 'Inputs':
      if (path.length !== 2) return 'write {{.Inputs.name}}';
      return draft.sound('/on') ? unknown('input', name, Object.keys(definition.inputs)) : undefined;
    case 'Matrix':
      if (path.length !== 2) return 'write {{.Matrix.name}}';
      if (!draft.sound(`/steps/${step}/matrix`)) return undefined;
      return unknown('matrix value', name, Object.keys(definition.steps[step!]!.matrix));
    case 'Secrets':
      return path.length === 2 && !name.includes('-') ? undefined : 'write {{.Secrets.NAME}}';
    case 'Steps':
      if (path.length !== 4 || field !== 'outputs' || !output) return 'write {{.Steps.name.outputs.key}}';
      return stepFault(draft, name, step!, true);
    default:
      return path.length === 1 ? undefined : `write {{.${root}}}`;
  }
}

function unknown(what: string, name: string, known: string[]): string | undefined {
  return known.includes(name) ? undefined : `there is no ${what} \`${name}\`${didYouMean(name, known)}`;
}

/** Why step `index` can't look at the step called `name`. */
function stepFault(
  { definition, graph }: Draft,
  name: string,
  index: number,
  outputs: boolean,
): string | undefined {
  const other = graph.indexOf.get(name);
  if (other === undefined) return unknown('step', name, [...graph.indexOf.keys()]);
  // A step in or behind a cycle has no ancestors; the cycle has been reported.
  if (graph.cycles.length === 0 && !comesAfter(graph, index, other)) {
    return `\`${name}\` may not have ended by then; add it to \`needs\``;
  }
  if (outputs && Object.keys(definition.steps[other]!.matrix).length > 0) {
    return `\`${name}\` has a matrix, so its outputs are not one value`;
  }
  return undefined;
}

function checkCondition(draft: Draft, expression: string, pointer: string, index: number): void {
  try {
    for (const name of parseCondition(expression).steps) {
      const fault = stepFault(draft, name, index, false);
      if (fault) draft.report(pointer, `\`steps.${name}\`: ${fault}`);
    }
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    draft.report(pointer, error.message);
  }
}
