/** Puts a template's inputs and the full names of its steps into a condition. */
import type { ASTNode } from '@marcbachmann/cel-js';
import { childrenOf } from '../cel.js';
import { syntaxOf } from '../condition.js';

export interface Names {
  /** The step's name in the run. */
  step(name: string): string;
  /** A CEL expression. */
  input(name: string): string;
}

/** A condition that cannot be read stays as it is: it is reported where conditions are checked. */
export function rewriteCondition(expression: string, names: Names): string {
  const ast = syntaxOf(expression);
  return ast ? rewritten(expression, ast, 0, expression.length, names) : expression;
}

function rewritten(text: string, node: ASTNode, start: number, end: number, names: Names): string {
  let out = '';
  let at = start;
  for (const edit of editsOf(text, node, names)) {
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return out + text.slice(at, end);
}

interface Edit {
  start: number;
  end: number;
  text: string;
}

/** In the order of the text. */
function editsOf(source: string, node: ASTNode, names: Names): Edit[] {
  const edit = (text: string): Edit[] => [{ start: node.start, end: node.end, text }];
  const member = memberOf(node);
  if (member?.of === 'steps') return edit(`steps[${JSON.stringify(names.step(member.name))}]`);
  if (member?.of === 'inputs') return edit(names.input(member.name));
  if (node.op === 'call' && node.args[0] === 'has') {
    const [operand] = node.args[1];
    const asked = operand && memberOf(operand);
    // An input that was not given is an empty text.
    if (asked?.of === 'inputs') return edit(String(names.input(asked.name) !== '""'));
    // has() takes names with dots only, and the full name of a step has a dash.
    if (operand?.op === '.') {
      const [receiver, field] = operand.args;
      const map = rewritten(source, receiver, receiver.start, receiver.end, names);
      return edit(`(${JSON.stringify(field)} in ${map})`);
    }
  }
  return childrenOf(node)
    .flatMap((child) => editsOf(source, child, names))
    .toSorted((a, b) => a.start - b.start);
}

function memberOf(node: ASTNode): { of: string; name: string } | undefined {
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [receiver, key] = node.args;
  if (receiver.op !== 'id') return undefined;
  if (typeof key === 'string') return { of: receiver.args, name: key };
  return key.op === 'value' && typeof key.args === 'string'
    ? { of: receiver.args, name: key.args }
    : undefined;
}
