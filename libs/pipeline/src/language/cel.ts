/** What all conditions in CEL share: bounds, the functions that may be called, and how errors are worded. */
import {
  Environment,
  EvaluationError,
  ParseError,
  TypeError as CelTypeError,
  type ASTNode,
} from '@marcbachmann/cel-js';

/** Bounds of one expression: ten times what a person writes. */
const LIMITS = {
  maxAstNodes: 300,
  maxDepth: 30,
  maxListElements: 100,
  maxMapEntries: 50,
  maxCallArguments: 8,
};

/** What may be called. Loops (`all`, `map`, …), `matches` and `bind` are left out: nested, they take time or memory without bound. */
const FUNCTIONS = ['has', 'size', 'contains', 'startsWith', 'endsWith', 'string', 'int', 'double', 'bool'];

export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}

/** Without variables: whoever asks registers his own. */
export function boundedCel(): Environment {
  return new Environment({ limits: LIMITS });
}

/** Refuses calls of anything but the functions of all conditions and `more`. Throws ConditionError. */
export function checkCall(name: string, more: readonly string[] = []): void {
  const known = [...more, ...FUNCTIONS];
  if (known.includes(name)) return;
  throw new ConditionError(`calls ${name}(), which conditions do not have; there is ${known.join(', ')}`);
}

export function childrenOf(node: ASTNode): ASTNode[] {
  return [node.args]
    .flat(3)
    .filter((arg): arg is ASTNode => typeof arg === 'object' && arg !== null && 'op' in arg);
}

/** Runs what reads or evaluates the expression; its errors become ConditionErrors that quote the expression. */
export function explained<T>(expression: string, remedyFor: (summary: string) => string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    const shown = expression.length > 80 ? `${expression.slice(0, 77)}…` : expression;
    if (error instanceof ConditionError) throw new ConditionError(`\`${shown}\` ${error.message}`);
    if (error instanceof ParseError || error instanceof CelTypeError || error instanceof EvaluationError) {
      throw new ConditionError(`\`${shown}\`: ${error.summary}${remedyFor(error.summary)}`, {
        cause: error,
      });
    }
    throw error;
  }
}

/** The name that an error of CEL says nobody knows. */
export function unknownVariable(summary: string): string | undefined {
  return /^Unknown variable: (\w{1,60})/.exec(summary)?.[1];
}

/** CEL's whole numbers are bigints here, its numbers doubles, and the two are not compared. */
export function withIntegers(values: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'number' ? BigInt(value) : value,
    ]),
  );
}
