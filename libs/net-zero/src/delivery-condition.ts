/** Conditions (`if`) of rules: CEL over a delivery, with the functions and bounds of conditions in pipelines. */
import type { ASTNode } from '@marcbachmann/cel-js';
import type { Delivery } from '@hybrid/contracts';
import {
  boundedCel,
  checkCall,
  childrenOf,
  ConditionError,
  didYouMean,
  explained,
  unknownVariable,
  withIntegers,
} from '@hybrid/pipeline';

const VARIABLES = ['source', 'tool', 'kind', 'event', 'action', 'received_at', 'payload', 'metadata'];

const cel = boundedCel()
  .registerVariable('source', 'string')
  .registerVariable('tool', 'string')
  .registerVariable('kind', 'string')
  .registerVariable('event', 'string')
  .registerVariable('action', 'string')
  .registerVariable('received_at', 'string')
  .registerVariable('payload', { schema: { bytes: 'int', keyed_sha256: 'string', key_id: 'string' } })
  .registerVariable('metadata', {
    schema: {
      repository: 'string',
      clone_url: 'string',
      branch: 'string',
      tag: 'string',
      commit: 'string',
      before: 'string',
      deleted: 'bool',
      pull_request: 'int',
      base_branch: 'string',
      head_repository: 'string',
      fork: 'bool',
      author: 'string',
      labels: 'list<string>',
      paths: 'list<string>',
      paths_complete: 'bool',
      attributes: 'map<string, string>',
    },
  });

/** Conditions that are kept as they were read: each is asked about every event. */
const MAX_KNOWN = 500;
const known = new Map<string, ReturnType<typeof cel.parse>>();

/** Checks syntax, names and types. Throws ConditionError. */
export function checkCondition(expression: string): void {
  explained(expression, remedyFor, () => {
    const { ast, check } = cel.parse(expression);
    checkCalls(ast);
    const { valid, type, error } = check();
    if (!valid) throw error ?? new ConditionError('is not valid');
    if (type !== 'bool' && type !== 'dyn') throw new ConditionError(`is ${type}, not true or false`);
  });
}

/** Throws ConditionError where it has no value: the event has no such field. */
export function conditionHolds(expression: string, delivery: Delivery): boolean {
  return explained(expression, remedyFor, () => {
    const evaluate = known.get(expression) ?? cel.parse(expression);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(expression, evaluate);
    const result: unknown = evaluate({
      ...delivery,
      action: delivery.action ?? '',
      payload: withIntegers(delivery.payload),
      metadata: withIntegers(delivery.metadata),
    });
    if (typeof result !== 'boolean') throw new ConditionError('is neither true nor false');
    return result;
  });
}

function checkCalls(node: ASTNode): void {
  if (node.op === 'call' || node.op === 'rcall') checkCall(node.args[0]);
  for (const child of childrenOf(node)) checkCalls(child);
}

function remedyFor(summary: string): string {
  const name = unknownVariable(summary);
  if (name === undefined) return '';
  return didYouMean(name, VARIABLES) || ` (known: ${VARIABLES.join(', ')}; of the event: metadata.${name})`;
}
