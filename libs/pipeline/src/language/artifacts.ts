import type { Definition } from './definition.js';

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
