import type { Definition, StepDefinition } from './definition.js';

/** A step as it is run: once, or once for each combination of its matrix. */
export interface StepInstance {
  /** `test`, or `test[node=20,os=linux]`. Unique within the run. */
  id: string;
  /** Index of the step in the definition. */
  step: number;
  matrix: Record<string, string>;
}

/** All instances, in the order of the file. What needs a step with a matrix needs all its instances. */
export function expand(definition: Pick<Definition, 'steps'>): StepInstance[] {
  return definition.steps.flatMap((step, index) => instancesOf(step, index));
}

export function instancesOf(step: Pick<StepDefinition, 'name' | 'matrix'>, index: number): StepInstance[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [key, values] of Object.entries(step.matrix)) {
    combinations = combinations.flatMap((chosen) => values.map((value) => ({ ...chosen, [key]: value })));
  }
  return combinations.map((matrix) => ({ id: instanceId(step.name, matrix), step: index, matrix }));
}

/** How many instances a step has, without making them. */
export function matrixSize(step: Pick<StepDefinition, 'matrix'>): number {
  return Object.values(step.matrix).reduce((size, values) => size * values.length, 1);
}

function instanceId(name: string, matrix: Record<string, string>): string {
  const values = Object.entries(matrix).map(([key, value]) => `${key}=${value}`);
  return values.length === 0 ? name : `${name}[${values.join(',')}]`;
}
