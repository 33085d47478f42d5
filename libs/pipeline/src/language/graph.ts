/** The graph of what needs what: an order to run in, who stands before whom, and the cycles that forbid both. */
export interface StepGraph {
  indexOf: Map<string, number>;
  /** Indices of the steps, each after everything it needs; steps in a cycle and behind it are left out. */
  order: number[];
  /** For each step, a bit for each step that it needs directly or not. Bits, so that 500 densely linked steps stay cheap. */
  ancestors: bigint[];
  /** Each as the names along it: a, b, a. */
  cycles: string[][];
}

/** Unknown needs are ignored; of two steps with one name the first counts. */
export function graphOf(steps: readonly { name: string; needs: readonly string[] }[]): StepGraph {
  const indexOf = new Map<string, number>();
  steps.forEach(({ name }, index) => {
    if (!indexOf.has(name)) indexOf.set(name, index);
  });
  const needs = steps.map((step) => [
    ...new Set(step.needs.flatMap((need) => (indexOf.has(need) ? [indexOf.get(need)!] : []))),
  ]);
  const { order, rest } = sort(needs, new Set(steps.keys()));

  const ancestors = steps.map(() => 0n);
  for (const index of order) {
    ancestors[index] = needs[index]!.reduce(
      (mask, need) => mask | ancestors[need]! | (1n << BigInt(need)),
      0n,
    );
  }

  const cycles: string[][] = [];
  for (let left = rest; left.size > 0; left = sort(needs, left).rest) {
    const cycle = findCycle(needs, left);
    cycles.push([...cycle, cycle[0]!].map((index) => steps[index]!.name));
    for (const index of cycle) left.delete(index);
  }
  return { indexOf, order, ancestors, cycles };
}

/** Whether step `index` needs step `other`, directly or not. */
export function comesAfter(graph: StepGraph, index: number, other: number): boolean {
  return (graph.ancestors[index]! & (1n << BigInt(other))) !== 0n;
}

/** Indices of everything that a step needs, directly or not, in the order of the file. */
export function ancestorsOf(graph: StepGraph, index: number): number[] {
  const found: number[] = [];
  for (let mask = graph.ancestors[index]!, at = 0; mask !== 0n; mask >>= 1n, at++)
    if (mask & 1n) found.push(at);
  return found;
}

/** Kahn's algorithm on a part of the steps; `rest` is what stands in or behind a cycle. */
function sort(
  needs: readonly number[][],
  among: ReadonlySet<number>,
): { order: number[]; rest: Set<number> } {
  const open = new Map<number, number>();
  const dependents = new Map<number, number[]>();
  for (const index of among) {
    const inside = needs[index]!.filter((need) => among.has(need));
    open.set(index, inside.length);
    for (const need of inside) {
      const known = dependents.get(need);
      if (known) known.push(index);
      else dependents.set(need, [index]);
    }
  }
  const order = [...among].filter((index) => open.get(index) === 0);
  for (let at = 0; at < order.length; at++) {
    for (const dependent of dependents.get(order[at]!) ?? []) {
      open.set(dependent, open.get(dependent)! - 1);
      if (open.get(dependent) === 0) order.push(dependent);
    }
  }
  const done = new Set(order);
  return { order, rest: new Set([...among].filter((index) => !done.has(index))) };
}

/** Every step of `among` needs another one of it, so following needs comes back to where it was. */
function findCycle(needs: readonly number[][], among: ReadonlySet<number>): number[] {
  const path: number[] = [];
  let at = Math.min(...among);
  while (!path.includes(at)) {
    path.push(at);
    at = needs[at]!.find((need) => among.has(need))!;
  }
  return path.slice(path.indexOf(at));
}
