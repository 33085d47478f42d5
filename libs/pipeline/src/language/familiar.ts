/** What people bring along from other systems' expressions, in the words of this language. */

const PATHS: [RegExp, string][] = [
  [/^secrets\.([A-Za-z_]\w{0,99})$/, '{{.Secrets.$1}}'],
  [/^(?:inputs|github\.event\.inputs)\.([A-Za-z_][\w-]{0,62})$/, '{{.Inputs.$1}}'],
  [/^matrix\.([A-Za-z_][\w-]{0,62})$/, '{{.Matrix.$1}}'],
  [/^env\.([A-Za-z_]\w{0,99})$/, '{{.Env.$1}}'],
  [/^(?:needs|steps)\.([\w-]{1,62})\.outputs\.([\w-]{1,62})$/, '{{.Steps.$1.outputs.$2}}'],
  [/^github\.sha$/, '{{.Commit}}'],
  [/^github\.(?:ref|ref_name|head_ref)$/, '{{.Branch}}'],
  [/^github\.run_id$/, '{{.RunID}}'],
  [/^hashFiles\('([^'"{}]{1,200})'\)$/, "{{hashFiles '$1'}}"],
];

/** `secrets.TOKEN` in our words, or undefined if it is none that we know. */
export function inOurWords(expression: string): string | undefined {
  if (expression.length > 300) return undefined;
  for (const [theirs, ours] of PATHS) {
    if (theirs.test(expression)) return expression.replace(theirs, ours);
  }
  return undefined;
}

/** Variables of other systems' conditions. */
export const FAMILIAR_VARIABLES: Record<string, string> = {
  github: 'write `branch`, `tag`, `commit` or `event`',
  env: 'conditions see `inputs`, `matrix` and what steps put out, not the environment',
  needs: 'write `steps.build.outputs.x` or `steps.build.status`',
  secrets: 'conditions see no secrets; the control plane has none',
  build: 'write `branch`, `tag`, `commit` or `event`',
  CI_COMMIT_BRANCH: 'write `branch`',
  ref: 'write `branch` or `tag`',
  sha: 'write `commit`',
};
