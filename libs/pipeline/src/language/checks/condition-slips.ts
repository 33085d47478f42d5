/**
 * What CEL lets pass and nobody means: outputs are texts, and a text is never equal to a number, always different from
 * it. Only files are checked so: conditions of runs that are stored keep the result that they had.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { RUN_TRIGGERS } from '@hybrid/contracts';
import { childrenOf } from '../cel.js';
import { didYouMean } from '../nearest.js';

const OF_A_STEP = ['status', 'outputs'];
const STATUSES = ['succeeded', 'failed', 'skipped'];
const COMPARING = ['==', '!=', '<', '<=', '>', '>='];
const OF_TRUTHS = ['&&', '||', '!_'];

/** What to write instead, for each slip. */
export function slipsIn(ast: ASTNode): string[] {
  const slips = outputIn(ast) ? [asTruth(ast)] : [];
  visit(ast, slips);
  return [...new Set(slips)];
}

function visit(node: ASTNode, slips: string[]): void {
  const path = pathOf(node);
  if (path?.[0] === 'steps' && path.length === 3 && !OF_A_STEP.includes(path[2]!))
    slips.push(
      `\`${path.join('.')}\`: a step has \`status\` and \`outputs\`: write \`steps.${path[1]}.outputs.${path[2]}\``,
    );
  const children = childrenOf(node);
  if (COMPARING.includes(node.op)) comparison(children, slips);
  if (OF_TRUTHS.includes(node.op)) slips.push(...children.filter(outputIn).map(asTruth));
  for (const each of children) visit(each, slips);
}

function comparison(sides: ASTNode[], slips: string[]): void {
  sides.forEach((side, index) => {
    const other = sides[1 - index];
    const path = pathOf(side);
    if (!path || !other) return;
    const value = literalOf(other);
    if (outputIn(side) && (typeof value === 'number' || typeof value === 'bigint'))
      slips.push(
        `\`${path.join('.')}\` is a text: write \`int(${path.join('.')})\` to compare it with a number`,
      );
    if (outputIn(side) && typeof value === 'boolean') slips.push(asTruth(side));
    if (typeof value !== 'string') return;
    if (path.join('.') === 'event') slips.push(...otherThan('event', RUN_TRIGGERS, value));
    if (path[0] === 'steps' && path.length === 3 && path[2] === 'status')
      slips.push(...otherThan(path.join('.'), STATUSES, value));
  });
}

function otherThan(what: string, words: readonly string[], value: string): string[] {
  if (words.includes(value)) return [];
  const meant = didYouMean(value, words) || `; it is one of ${words.join(', ')}`;
  return [`\`${what}\` is never \`${value.slice(0, 60)}\`${meant}`];
}

function asTruth(output: ASTNode): string {
  const path = pathOf(output)!.join('.');
  return `\`${path}\` is a text: write \`${path} == "true"\``;
}

function outputIn(node: ASTNode): boolean {
  const path = pathOf(node);
  return path?.length === 4 && path[0] === 'steps' && path[2] === 'outputs';
}

function literalOf(node: ASTNode): unknown {
  if (node.op === '-_') return literalOf(node.args);
  return node.op === 'value' ? node.args : undefined;
}

/** `steps.a.outputs.b`, also where parts of it stand in brackets; undefined for anything else. */
function pathOf(node: ASTNode): string[] | undefined {
  if (node.op === 'id') return [node.args];
  if (node.op !== '.' && node.op !== '[]') return undefined;
  const [receiver, part] = node.args as [ASTNode, ASTNode | string];
  const name = typeof part === 'string' ? part : literalOf(part);
  const before = pathOf(receiver);
  return before && typeof name === 'string' ? [...before, name] : undefined;
}
