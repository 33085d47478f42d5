/** step.plugin: an image of Woodpecker's and Drone's kind, which finds its settings in PLUGIN_* and the commit in CI_*. */
import { DEFAULT_WORK_DIR } from '../files/workspace-path.js';
import type { Secrets } from '../secrets/secrets.js';
import { publicName } from '../source/repository.js';
import type { StepContext, StepResult } from '../step.js';
import { environmentOf, sandboxOf } from './sandbox-config.js';
import { runScript } from './script-run.js';
import { StepConfig } from './step-config.js';

export async function runPlugin(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const image = config.text('image').replace(/^docker:\/\//, '');
  return runScript(
    context,
    config,
    {
      program: { inWorkspace: true },
      env: {
        ...ciVariables(context),
        ...environmentOf(context, config),
        ...pluginVariables(config.object('settings'), context.secrets),
      },
      workDir: DEFAULT_WORK_DIR,
      image,
      ...sandboxOf(context, config),
    },
    { failure: (exitCode) => `the plugin ${image} exited with ${exitCode}` },
  );
}

/** `some-key` → PLUGIN_SOME_KEY: scalars as texts, lists of scalars joined by commas, everything else as JSON. */
function pluginVariables(
  settings: Record<string, unknown>,
  secrets: Pick<Secrets, 'resolve'>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings)
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([name, value]) => [
        `PLUGIN_${name.replace(/[.-]/g, '_').toUpperCase()}`,
        settingText(withSecrets(value, secrets)),
      ]),
  );
}

function settingText(value: unknown): string {
  if (!isComplex(value)) return String(value);
  if (Array.isArray(value) && !value.some(isComplex))
    return value.map((item) => String(item ?? '')).join(',');
  return JSON.stringify(value);
}

function isComplex(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function withSecrets(value: unknown, secrets: Pick<Secrets, 'resolve'>): unknown {
  if (typeof value === 'string') return secrets.resolve(value);
  if (Array.isArray(value)) return value.map((item) => withSecrets(item, secrets));
  if (!isComplex(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, withSecrets(item, secrets)]));
}

/**
 * What is known on the agent of that which plugins look at. The event and the number of the pipeline are not: a pipeline
 * may give them in `env`.
 */
function ciVariables({ job, commit, commitFacts = {} }: StepContext): Record<string, string> {
  const { repository, ref } = job.spec.source ?? {};
  const known: Record<string, string | undefined> = {
    CI_WORKSPACE: DEFAULT_WORK_DIR,
    CI_SYSTEM_NAME: 'hybrid',
    CI_STEP_NAME: job.spec.step.name,
    ...(repository !== undefined && repositoryVariables(publicName(repository))),
    ...(ref !== undefined && refVariables(ref)),
    CI_COMMIT_SHA: commit,
    // Plugins that tell people of a run show them.
    CI_COMMIT_AUTHOR: commitFacts.author,
    CI_COMMIT_AUTHOR_EMAIL: commitFacts.email,
    CI_COMMIT_MESSAGE: commitFacts.message,
  };
  return Object.fromEntries(
    Object.entries(known).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
}

function repositoryVariables(url: string): Record<string, string | undefined> {
  const [, owner, name] = /(?:^|[/:])([^/:]+)\/([^/]+?)(?:\.git)?\/?$/.exec(url) ?? [];
  return {
    CI_REPO: owner && name && `${owner}/${name}`,
    CI_REPO_OWNER: owner,
    CI_REPO_NAME: name,
    CI_REPO_CLONE_URL: url,
    CI_REPO_URL: /^https?:/.test(url) ? url.replace(/\.git$/, '') : undefined,
  };
}

function refVariables(ref: string): Record<string, string> {
  const [, tag] = /^refs\/tags\/(.+)$/.exec(ref) ?? [];
  if (tag !== undefined) return { CI_COMMIT_REF: ref, CI_COMMIT_TAG: tag };
  const branch = ref.replace(/^refs\/heads\//, '');
  return { CI_COMMIT_REF: ref.startsWith('refs/') ? ref : `refs/heads/${ref}`, CI_COMMIT_BRANCH: branch };
}
