import { sourcesOfPush } from '../language/artifacts.js';
import type { Definition } from '../language/definition.js';
import { expand, type StepInstance } from '../language/expand.js';
import { graphOf, type StepGraph } from '../language/graph.js';

/** What follows from a run's definition alone and never changes during the run. */
export interface RunPlan {
  instances: StepInstance[];
  /** Index of an instance by its id. */
  indexOf: Map<string, number>;
  /** Indices of the instances of each step. */
  instancesOf: number[][];
  /** Indices of the steps that each step needs directly. */
  needs: number[][];
  graph: StepGraph;
  /** For each shell step, the pushes that take their files from its workspace. */
  pushesFrom: Map<number, number[]>;
}

export function planOf(definition: Definition): RunPlan {
  const instances = expand(definition);
  const graph = graphOf(definition.steps);
  const instancesOf: number[][] = definition.steps.map(() => []);
  instances.forEach(({ step }, index) => instancesOf[step]!.push(index));
  const pushesFrom = new Map<number, number[]>();
  definition.steps.forEach(({ type }, push) => {
    if (type !== 'step.artifact_push') return;
    for (const source of sourcesOfPush(definition, graph.indexOf, push)) {
      pushesFrom.set(source, [...(pushesFrom.get(source) ?? []), push]);
    }
  });
  return {
    instances,
    indexOf: new Map(instances.map(({ id }, index) => [id, index])),
    instancesOf,
    needs: definition.steps.map((step) => step.needs.flatMap((name) => graph.indexOf.get(name) ?? [])),
    graph,
    pushesFrom,
  };
}
