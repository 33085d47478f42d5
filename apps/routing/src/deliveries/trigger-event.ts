/** A delivery as triggers see it: what of it the pipelines service is told. Pure. */
import type { Delivery, TriggerEvent } from '@hybrid/contracts';

/** Null: it is not about a repository, or of no kind that triggers know. */
export function triggerEvent({ kind, metadata }: Delivery): TriggerEvent | null {
  const { repository, paths, paths_complete } = metadata;
  if (kind === 'other' || repository === undefined) return null;
  return {
    kind,
    repository,
    clone_url: metadata.clone_url ?? null,
    branch: metadata.branch ?? null,
    tag: metadata.tag ?? null,
    commit: metadata.commit ?? null,
    pull_request: metadata.pull_request ?? null,
    base_branch: metadata.base_branch ?? null,
    // Of a pull request it is always told; what is pushed is in the repository itself.
    fork: metadata.fork ?? kind === 'pull_request',
    author: metadata.author ?? null,
    paths: paths_complete === false ? null : (paths ?? null),
  };
}
