/** What happened in a repository, as triggers see it. Plain types: the language and customer's side use them too. */

export interface TriggerEvent {
  kind: 'push' | 'tag' | 'pull_request';
  /** `owner/name`. */
  repository: string;
  /** What agents clone; null where the host does not say. */
  clone_url: string | null;
  branch: string | null;
  tag: string | null;
  commit: string | null;
  pull_request: number | null;
  /** Of a pull request: the branch that it is for. */
  base_branch: string | null;
  /** The commits come from another repository: such runs get no secrets and wait for approval. */
  fork: boolean;
  author: string | null;
  /** Changed files; null: not known. */
  paths: string[] | null;
}
