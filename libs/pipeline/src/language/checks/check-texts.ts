/** Checks templates and conditions: syntax, names, and that each looks only at steps that have ended by then. */
import { ConditionError } from '../cel.js';
import { parseCondition } from '../condition.js';
import type { StepDefinition } from '../definition.js';
import { child } from '../document.js';
import { isSpread, matrixNames } from '../expand.js';
import { comesAfter } from '../graph.js';
import { didYouMean, nearest } from '../nearest.js';
import { listOf, mapOf } from '../normalise/raw.js';
import { parseTemplate, referencesIn, TemplateError, type Reference } from '../template.js';
import { slipsIn } from './condition-slips.js';
import type { Draft } from './draft.js';
import { ALL_ROOTS, kindOfText, ROOTS, RUN_ROOTS, type TextKind } from './scopes.js';

/** What a text may refer to. */
interface Scope {
  roots: string[];
  env: string[];
  step?: number;
  hashes?: boolean;
}

export function checkTexts(draft: Draft): void {
  const { definition, document } = draft;
  const root = mapOf(document.value);
  const ofRun: Scope = { roots: RUN_ROOTS, env: [] };
  for (const [owner, at] of [
    [mapOf(root.defaults).env, '/defaults/env'],
    [root.env, '/env'],
  ] as const) {
    checkAll(draft, owner, at, () => ({ roots: [...RUN_ROOTS, 'Secrets'], env: [] }));
  }
  checkAll(draft, root.concurrency, '/concurrency', () => ofRun);
  const pipelineEnv = Object.keys(definition.env);
  checkAll(draft, mapOf(root.defaults).image, '/defaults/image', () => ({
    roots: ROOTS.key,
    env: pipelineEnv,
  }));
  const written = listOf(root.steps);
  definition.steps.forEach((step, index) =>
    checkStep(draft, step, index, mapOf(written[index]), pipelineEnv),
  );
}

function checkStep(
  draft: Draft,
  step: StepDefinition,
  index: number,
  written: Record<string, unknown>,
  pipelineEnv: string[],
): void {
  const at = `/steps/${index}`;
  if (typeof written.if === 'string' && draft.sound(`${at}/if`))
    checkCondition(draft, written.if, `${at}/if`, index);
  const config = mapOf(written.config);
  const withStep = [...pipelineEnv, ...Object.keys(step.env)];
  const env = [...withStep, ...Object.keys(mapOf(config.env))];
  const scopeOf = (kind: TextKind, known = env): Scope => ({
    roots: ROOTS[kind],
    env: known,
    step: index,
    hashes: kind === 'cache',
  });
  checkAll(draft, written.env, `${at}/env`, () => scopeOf('secret', pipelineEnv));
  checkAll(draft, written.concurrency, `${at}/concurrency`, () => scopeOf('plain'));
  checkAll(draft, written.services, `${at}/services`, (path) =>
    scopeOf(path[1] === 'env' ? 'secret' : 'plain'),
  );
  checkAll(draft, written.cache, `${at}/cache`, (path) =>
    scopeOf(path.includes('paths') ? 'plain' : 'cache'),
  );
  checkAll(draft, written.test_reports, `${at}/test_reports`, () => scopeOf('plain'));
  if (step.type === 'step.plugin') {
    checkAll(draft, written.with, `${at}/with`, () => scopeOf('secret'));
    checkText(draft, step.config.image, `${at}/uses`, scopeOf('plain'));
  }
  const type = typeOf(written);
  if (!draft.sound(`${at}/type`) || type === undefined) return;
  for (const [key, value] of Object.entries(config)) {
    const pointer = child(`${at}/config`, key);
    if (!draft.sound(pointer)) continue;
    checkAll(draft, value, pointer, (path) => {
      const kind = kindOfText(type, [key, ...path]);
      if (kind === 'condition') return index;
      return scopeOf(kind, key === 'env' ? withStep : env);
    });
  }
}

/** As written: a step whose config is not sound stands in as another. */
function typeOf({ type, uses }: Record<string, unknown>): StepDefinition['type'] | undefined {
  if (type !== undefined) return type as StepDefinition['type'];
  return typeof uses === 'string' && uses.startsWith('docker://') ? 'step.plugin' : undefined;
}

/** Checks every text in a value; `scopeAt` says by the path to it what it may refer to, or whose condition it is. */
function checkAll(
  draft: Draft,
  value: unknown,
  pointer: string,
  scopeAt: (path: string[]) => Scope | number,
  path: string[] = [],
): void {
  if (typeof value === 'string') {
    const scope = scopeAt(path);
    if (typeof scope === 'number') checkCondition(draft, value, pointer, scope);
    else checkText(draft, value, pointer, scope);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      checkAll(draft, inner, child(pointer, key), scopeAt, [...path, key]);
    }
  }
}

function checkText(draft: Draft, text: string, pointer: string, scope: Scope): void {
  if (!text.includes('{{')) return;
  try {
    for (const part of parseTemplate(text)) {
      if ('globs' in part && !scope.hashes) {
        draft.report(pointer, `${part.source}: files are hashed in keys of caches only`);
      }
    }
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
  if (!roots.includes(root)) {
    if (root === 'Secrets') return 'a secret would be stored clear here; take it through `env`';
    return `\`${root}\` can't be used here; ${roots.length === 0 ? 'no template can' : `what can: ${roots.join(', ')}`}`;
  }
  switch (root) {
    case 'Env':
      return path.length === 2 ? unknown('environment variable', name, env) : 'write {{.Env.NAME}}';
    case 'Inputs':
      if (path.length !== 2) return 'write {{.Inputs.name}}';
      return draft.sound('/on') ? unknown('input', name, Object.keys(definition.inputs)) : undefined;
    case 'Matrix':
      if (path.length !== 2) return 'write {{.Matrix.name}}';
      if (step === undefined || !draft.sound(`/steps/${step}/matrix`)) return undefined;
      return unknown('matrix value', name, matrixNames(definition.steps[step]!));
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
function stepFault(draft: Draft, name: string, index: number, outputs: boolean): string | undefined {
  const { definition, graph } = draft;
  const other = graph.indexOf.get(name);
  if (other === undefined) {
    const inner = draft.templates.get(name);
    if (inner) return `\`${name}\` uses a template; name one of its steps: ${inner.join(', ')}`;
    return unknown('step', name, [...graph.indexOf.keys()]);
  }
  // A step in or behind a cycle has no ancestors; the cycle has been reported.
  if (graph.cycles.length === 0 && !comesAfter(graph, index, other)) {
    return `\`${name}\` may not have ended by then; add it to \`needs\``;
  }
  if (outputs && isSpread(definition.steps[other]!)) {
    return `\`${name}\` has a matrix, so its outputs are not one value`;
  }
  return undefined;
}

function checkCondition(draft: Draft, expression: string, pointer: string, index: number): void {
  try {
    const { syntax, steps, scan, inputs, matrix } = parseCondition(expression);
    const { definition, sound } = draft;
    const faults = [
      ...(sound('/on') ? inputs.map((name) => unknown('input', name, Object.keys(definition.inputs))) : []),
      ...(sound(`/steps/${index}/matrix`)
        ? matrix.map((name) => unknown('matrix value', name, matrixNames(definition.steps[index]!)))
        : []),
    ];
    for (const fault of faults) if (fault) draft.report(pointer, `\`${expression.slice(0, 80)}\`: ${fault}`);
    for (const name of steps) {
      const fault = stepFault(draft, name, index, false);
      if (fault) draft.report(pointer, `\`steps.${name}\`: ${fault}`);
    }
    // A file may hold thousands of conditions, of which most look at neither.
    if (steps.length > 0 || expression.includes('event'))
      for (const slip of slipsIn(syntax)) draft.report(pointer, slip);
    if (scan && draft.graph.cycles.length === 0 && !comesAfterScan(draft, index)) {
      draft.report(pointer, '`scan`: no step that this one needs scans; add the scan to `needs`');
    }
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error;
    draft.report(pointer, error.message);
  }
}

/** A step whose type could not be read may be one, and one that appends steps may append one. */
function comesAfterScan({ definition, graph, sound }: Draft, index: number): boolean {
  return definition.steps.some(
    ({ type, dynamic }, other) =>
      (type.startsWith('step.scan_') || dynamic === true || !sound(`/steps/${other}`)) &&
      comesAfter(graph, index, other),
  );
}
