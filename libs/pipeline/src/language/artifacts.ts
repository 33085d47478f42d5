import type { Definition, StepDefinition } from './definition.js';
import { instancesOf, type StepInstance } from './expand.js';
import { referencesIn } from './template.js';

/**
 * Indices of the shell steps whose workspace an artifact_push takes its files from: those that it needs directly.
 * None: it takes them from its own fresh checkout.
 */
export function sourcesOfPush(
  definition: Definition,
  indexOf: ReadonlyMap<string, number>,
  push: number,
): number[] {
  return definition.steps[push]!.needs.flatMap((need) => {
    const index = indexOf.get(need);
    return index !== undefined && definition.steps[index]!.type === 'step.shell_exec' ? [index] : [];
  });
}

/**
 * Whether an instance stores the artifact with this key: of the instances of a step for which the key comes to the same
 * text, the first does.
 */
export function storesArtifact(step: StepDefinition, instance: StepInstance, key: string): boolean {
  const names = referencesIn(key).flatMap(({ path: [root, name] }) => (root === 'Matrix' ? [name!] : []));
  const same = ({ matrix }: StepInstance): boolean =>
    names.every((name) => matrix[name] === instance.matrix[name]);
  return instancesOf(step, instance.step).find(same)?.id === instance.id;
}
