/** Pictures of a definition: for a terminal, for Markdown (Mermaid) and for Graphviz. */
import type { Definition, StepDefinition } from './definition.js';
import { instanceCount } from './expand.js';
import { graphOf } from './graph.js';

/** What becomes of a step in a run, by its name: `succeeded`. Nothing where there is no run. */
export type StatusOf = (step: string) => string | undefined;

/**
 * A tree of lines: each step stands once, below the need that comes last; its other needs are named beside it. Ends with
 * a line break.
 */
export function graphText(definition: Definition, statusOf: StatusOf = () => undefined): string {
  const { steps } = definition;
  const { indexOf, order } = graphOf(steps);
  const depth = new Map<number, number>();
  const children = new Map<number | undefined, number[]>();
  for (const index of order) {
    const needs = steps[index]!.needs.flatMap((need) => indexOf.get(need) ?? []);
    const parent = needs.toSorted((a, b) => depth.get(b)! - depth.get(a)!)[0];
    depth.set(index, parent === undefined ? 0 : depth.get(parent)! + 1);
    children.set(parent, [...(children.get(parent) ?? []), index]);
  }
  const rows: { tree: string; step: StepDefinition; parent?: string }[] = [];
  // A stack, as a chain of 500 steps would otherwise nest as many calls.
  const open = (parent: number | undefined, indent: string) =>
    (children.get(parent) ?? [])
      .toSorted((a, b) => a - b)
      .map((index, at, all) => ({ index, parent, indent, last: at === all.length - 1 }))
      .reverse();
  const stack = open(undefined, '');
  for (let next = stack.pop(); next; next = stack.pop()) {
    const { index, parent, indent, last } = next;
    const step = steps[index]!;
    rows.push({
      tree: `${indent}${last ? '└─ ' : '├─ '}${step.name}${times(step)}`,
      step,
      parent: parent === undefined ? undefined : steps[parent]!.name,
    });
    stack.push(...open(index, `${indent}${last ? '   ' : '│  '}`));
  }
  const width = Math.max(0, ...rows.map(({ tree }) => tree.length));
  const typeWidth = Math.max(0, ...steps.map((step) => shortType(step).length));
  const lines = rows.map(({ tree, step, parent }) =>
    [
      tree.padEnd(width),
      shortType(step).padEnd(typeWidth),
      [statusOf(step.name), notes(step, parent)].filter(Boolean).join('  '),
    ]
      .join('  ')
      .trimEnd(),
  );
  return [definition.name, ...lines, ''].join('\n');
}

/** A flowchart that Mermaid draws, as GitHub, GitLab and many editors do. */
export function graphMermaid(definition: Definition, statusOf: StatusOf = () => undefined): string {
  const { nodes, edges } = partsOf(definition, statusOf);
  const quoted = (text: string): string =>
    text.replaceAll(/[^\w .:,=()×-]/gu, (character) => `#${character.codePointAt(0)};`);
  return [
    'flowchart LR',
    ...nodes.map(({ step, lines }, index) => {
      const [open, close] = step.type === 'step.gate' ? ['{{', '}}'] : ['[', ']'];
      return `  s${index}${open}"${lines.map(quoted).join('<br/>')}"${close}`;
    }),
    ...edges.map(([from, to]) => `  s${from} --> s${to}`),
    '',
  ].join('\n');
}

/** A graph that Graphviz draws: `dot -Tsvg`. */
export function graphDot(definition: Definition, statusOf: StatusOf = () => undefined): string {
  const { nodes, edges } = partsOf(definition, statusOf);
  const quoted = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"');
  return [
    `digraph "${quoted(definition.name)}" {`,
    '  rankdir=LR;',
    '  node [shape=box, style=rounded, fontname="sans-serif"];',
    ...nodes.map(({ step, lines }, index) => {
      const shape = step.type === 'step.gate' ? ', shape=diamond, style=""' : '';
      return `  s${index} [label="${lines.map(quoted).join('\\n')}"${shape}];`;
    }),
    ...edges.map(([from, to]) => `  s${from} -> s${to};`),
    '}',
    '',
  ].join('\n');
}

interface Parts {
  nodes: { step: StepDefinition; lines: string[] }[];
  edges: [from: number, to: number][];
}

function partsOf({ steps }: Definition, statusOf: StatusOf): Parts {
  const { indexOf } = graphOf(steps);
  return {
    nodes: steps.map((step) => ({
      step,
      lines: [`${step.name}${times(step)}`, shortType(step), statusOf(step.name) ?? ''].filter(Boolean),
    })),
    edges: steps.flatMap(({ needs }, to) =>
      needs.flatMap((need): Parts['edges'] => {
        const from = indexOf.get(need);
        return from === undefined ? [] : [[from, to]];
      }),
    ),
  };
}

function times(step: StepDefinition): string {
  const count = instanceCount(step);
  return count === 1 ? '' : ` ×${count}`;
}

function shortType({ type }: StepDefinition): string {
  return type.replace('step.', '');
}

/** What a reader of the tree cannot see from it. */
function notes(step: StepDefinition, parent: string | undefined): string {
  const others = step.needs.filter((need) => need !== parent);
  const { type, config } = step;
  return [
    others.length > 0 && `also needs ${others.join(', ')}`,
    step.if !== null && `if ${step.if.replaceAll(/\s+/g, ' ')}`,
    step.continue_on_error && 'may fail',
    type === 'step.gate' && config.type === 'manual' && `${config.required} must approve`,
  ]
    .filter(Boolean)
    .join('; ');
}
