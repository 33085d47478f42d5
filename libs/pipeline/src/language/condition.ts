/** Conditions (`if`, gates) in CEL: pure, without loops or regular expressions, so that each ends at once. */
import { ParseError, type ASTNode, type Environment } from '@marcbachmann/cel-js';
import type { ScanCounts } from '@hybrid/contracts';
import {
  boundedCel,
  checkCall,
  childrenOf,
  ConditionError,
  explained,
  unknownVariable,
  withIntegers,
} from './cel.js';
import { FAMILIAR_VARIABLES } from './familiar.js';
import { didYouMean } from './nearest.js';

const STATUS_FUNCTIONS = ['always', 'success', 'failure', 'cancelled'];

/** The variables, as messages name them. */
const CONDITION_VARIABLES = [
  'branch',
  'commit',
  'event',
  'inputs',
  'matrix',
  'scan',
  'steps',
  'tag',
  'tests',
];

const variables = boundedCel()
  .registerVariable('branch', 'string')
  .registerVariable('tag', 'string')
  .registerVariable('commit', 'string')
  .registerVariable('event', 'string')
  .registerVariable('inputs', 'map')
  .registerVariable('matrix', 'map<string, string>')
  .registerVariable('steps', 'map<string, map<string, dyn>>')
  .registerVariable('scan', {
    schema: { passed: 'bool', critical: 'int', high: 'int', medium: 'int', low: 'int', info: 'int' },
  })
  .registerVariable('tests', {
    schema: { passed: 'bool', total: 'int', failed: 'int', skipped: 'int', flaky: 'int' },
  });
const checker = withStatus({ success: true, failure: false });

/** `scan` and `tests` are of all steps that this one needs, directly or not, together. */
export interface ConditionValues {
  /** Empty for a tag. */
  branch: string;
  /** Empty for a branch. */
  tag: string;
  commit: string;
  /** What started the run: push, pull_request, tag, schedule, manual, api, pipeline, retry. */
  event: string;
  inputs: Record<string, string | number | boolean>;
  matrix: Record<string, string>;
  steps: Record<string, { status: 'succeeded' | 'failed' | 'skipped'; outputs: Record<string, string> }>;
  /** Findings by severity; passed: no scan found what its threshold forbids. */
  scan: ScanCounts & { passed: boolean };
  /** passed: none failed. */
  tests: { passed: boolean; total: number; failed: number; skipped: number; flaky: number };
}

export interface StatusValues {
  /** Everything that the step needs went well. */
  success: boolean;
  /** Something that the step needs, directly or not, failed. */
  failure: boolean;
  /** The run is being cancelled; no unless told. */
  cancelled?: boolean;
}

export interface Condition {
  syntax: ASTNode;
  /** Names of the steps that it looks at. */
  steps: string[];
  /** Names of the inputs, and of the matrix's values, that it looks at. */
  inputs: string[];
  matrix: string[];
  /** Whether it looks at `scan`. */
  scan: boolean;
  /** Whether it calls always(), success(), failure() or cancelled(): then it alone decides, else success() is part of it. */
  asksForStatus: boolean;
}

/** Checks syntax, names and types. Throws ConditionError. */
export function parseCondition(expression: string): Condition {
  return explained(expression, remedyFor(expression), () => {
    const { ast, check } = checker.parse(expression);
    const called = new Set<string>();
    const steps = new Set<string>();
    const named = new Set<string>();
    const members = { inputs: new Set<string>(), matrix: new Set<string>() };
    visit(ast, { called, steps, named, members });
    const { valid, type, error } = check();
    if (!valid) throw error ?? new ConditionError('is not valid');
    if (type !== 'bool' && type !== 'dyn') throw new ConditionError(`is ${type}, not true or false`);
    return {
      syntax: ast,
      steps: [...steps],
      inputs: [...members.inputs],
      matrix: [...members.matrix],
      scan: named.has('scan'),
      asksForStatus: STATUS_FUNCTIONS.some((name) => called.has(name)),
    };
  });
}

/** The syntax tree of a condition; undefined if it cannot be read. */
export function syntaxOf(expression: string): ASTNode | undefined {
  try {
    return checker.parse(expression).ast;
  } catch (error) {
    if (error instanceof ParseError) return undefined;
    throw error;
  }
}

/** The condition's result. Throws ConditionError when it has none: a missing key, or not true or false. */
export function evaluateCondition(
  expression: string,
  values: ConditionValues,
  status: StatusValues,
): boolean {
  return explained(expression, remedyFor(expression), () => {
    const result: unknown = withStatus(status).evaluate(expression, {
      ...values,
      scan: withIntegers(values.scan),
      tests: withIntegers(values.tests),
    });
    if (typeof result !== 'boolean') throw new ConditionError('is neither true nor false');
    return result;
  });
}

function withStatus({ success, failure, cancelled = false }: StatusValues): Environment {
  return variables
    .clone()
    .registerFunction('always(): bool', () => true)
    .registerFunction('success(): bool', () => success)
    .registerFunction('failure(): bool', () => failure)
    .registerFunction('cancelled(): bool', () => cancelled);
}

const remedyFor =
  (expression: string) =>
  (summary: string): string => {
    if (expression.includes('{{')) return "; conditions hold no templates: write branch == 'main'";
    const name = unknownVariable(summary);
    if (name === undefined) return operatorRemedy(expression, summary);
    if (STATUS_FUNCTIONS.includes(name)) return `; write ${name}()`;
    if (Object.hasOwn(FAMILIAR_VARIABLES, name)) return `; ${FAMILIAR_VARIABLES[name]}`;
    return didYouMean(name, CONDITION_VARIABLES) || ` (known: ${CONDITION_VARIABLES.join(', ')})`;
  };

/** What people write from habit where CEL has another sign. */
function operatorRemedy(expression: string, summary: string): string {
  if (/^no such overload: (?:string \S+ (?:int|double)|(?:int|double) \S+ string)$/.test(summary))
    return "; put the number in quotes, as in matrix.node == '20'";
  const slipped = /\b(?:and|or|not)\b|===|(?:^|[^=!<>])=(?!=)/.test(expression);
  return slipped && /^(?:Une|E)xpected/.test(summary) ? '; write ==, !=, &&, || and !' : '';
}

interface Found {
  called: Set<string>;
  steps: Set<string>;
  /** Variables. */
  named: Set<string>;
  members: Record<'inputs' | 'matrix', Set<string>>;
}

/** Collects what is called and which steps are looked at. */
function visit(node: ASTNode, found: Found): void {
  switch (node.op) {
    case 'id':
      if (node.args === 'steps') throw new ConditionError('must name a step: steps.build, or steps["build"]');
      found.named.add(node.args);
      break;
    case '.':
    case '.?': {
      const [receiver, name] = node.args;
      if (isSteps(receiver)) found.steps.add(name);
      if (receiver.op === 'id' && (receiver.args === 'inputs' || receiver.args === 'matrix'))
        found.members[receiver.args].add(name);
      break;
    }
    case '[]':
    case '[?]': {
      const [receiver, index] = node.args;
      if (!isSteps(receiver)) break;
      if (index.op !== 'value' || typeof index.args !== 'string')
        throw new ConditionError('must name a step by a text: steps["build"]');
      found.steps.add(index.args);
      break;
    }
    case 'call':
    case 'rcall':
      checkCall(node.args[0], STATUS_FUNCTIONS);
      found.called.add(node.args[0]);
      break;
    default:
  }
  const [first] = childrenOf(node);
  const ofStep = ['.', '.?', '[]', '[?]'].includes(node.op) && first && isSteps(first);
  for (const each of childrenOf(node)) if (!(ofStep && each === first)) visit(each, found);
}

function isSteps(node: ASTNode): boolean {
  return node.op === 'id' && node.args === 'steps';
}
