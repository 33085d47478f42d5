import type { Definition, StepDefinition } from './definition.js';

/** A step as it is run: once, or once for each combination of its matrix and each of its parallel parts. */
export interface StepInstance {
  /** `test`, `test[node=20,os=linux]` or `test[node=20,parallel=1-of-4]`. Unique within the run. */
  id: string;
  /** Index of the step in the definition. */
  step: number;
  /** With `parallel`, its part under that name: `1-of-4`. */
  matrix: Record<string, string>;
  /** Of a step that runs in parallel: which part, from 0. */
  parallel?: { index: number; total: number };
}

type Expandable = Pick<StepDefinition, 'name' | 'matrix' | 'combinations' | 'parallel'>;

/** All instances, in the order of the file. What needs a step with a matrix needs all its instances. */
export function expand(definition: Pick<Definition, 'steps'>): StepInstance[] {
  return definition.steps.flatMap((step, index) => instancesOf(step, index));
}

export function instancesOf(step: Expandable, index: number): StepInstance[] {
  const combinations = step.combinations ?? productOf(step.matrix);
  const { parallel: total } = step;
  if (total === undefined) {
    return combinations.map((matrix) => ({ id: instanceId(step.name, matrix), step: index, matrix }));
  }
  return combinations.flatMap((combination) =>
    Array.from({ length: total }, (_, part) => {
      const matrix = { ...combination, parallel: `${part + 1}-of-${total}` };
      const parallel = { index: part, total };
      return { id: instanceId(step.name, matrix), step: index, matrix, parallel };
    }),
  );
}

/** Every value of each list with every one of the others; without lists the one empty combination. */
export function productOf(matrix: Record<string, string[]>): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [key, values] of Object.entries(matrix)) {
    combinations = combinations.flatMap((chosen) => values.map((value) => ({ ...chosen, [key]: value })));
  }
  return combinations;
}

/** How many instances a step has, without making them. */
export function instanceCount(step: Omit<Expandable, 'name'>): number {
  const product = Object.values(step.matrix).reduce((size, values) => size * values.length, 1);
  return (step.combinations?.length ?? product) * (step.parallel ?? 1);
}

/** Whether the step may have several instances: then its outputs are not one value. */
export function isSpread(step: Omit<Expandable, 'name'>): boolean {
  return (
    Object.keys(step.matrix).length > 0 || step.combinations !== undefined || step.parallel !== undefined
  );
}

/** Names that `{{.Matrix.x}}` has in the step. */
export function matrixNames(step: Omit<Expandable, 'name'>): string[] {
  const [combination] = step.combinations ?? [];
  return [
    ...new Set([
      ...Object.keys(step.matrix),
      ...Object.keys(combination ?? {}),
      ...(step.parallel === undefined ? [] : ['parallel']),
    ]),
  ];
}

/** A value that a combination lacks is left out. */
function instanceId(name: string, matrix: Record<string, string>): string {
  const values = Object.entries(matrix).flatMap(([key, value]) => (value === '' ? [] : [`${key}=${value}`]));
  return values.length === 0 ? name : `${name}[${values.join(',')}]`;
}
