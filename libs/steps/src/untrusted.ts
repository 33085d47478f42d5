/** What a job gets whose commits come from a fork, which anybody may write: a sandbox, and nothing of the customer's. */
import { secretNames, Secrets } from './secrets/secrets.js';
import { StepProblem, type StepContext } from './step.js';

/** They reach the engine or its images, which trusted jobs use too, or hand something on. */
const REFUSED = new Set(['step.docker_build', 'step.docker_push', 'step.docker_run', 'step.deploy']);

/**
 * The context without secrets, caches, environments to deploy to and submodules, which are cloned with the agent's
 * credentials from wherever the fork says. Throws StepProblem where the step cannot do without, or there is no sandbox.
 */
export function withoutTrust(context: StepContext): StepContext {
  const { step } = context.job.spec;
  if (REFUSED.has(step.type)) throw refused(`steps of type ${step.type} are not for them`);
  const [name] = secretNames(context.job.spec);
  if (name !== undefined) throw refused(`they get no secrets, and this step names ${name}`);
  for (const key of ['docker_socket', 'mounts']) {
    const value = step.config[key];
    if (value === true || (Array.isArray(value) && value.length > 0))
      throw refused(`config.${key} lets a step out of its sandbox`);
  }
  if (context.executor.name === 'process')
    throw refused(
      'this agent runs steps on its own machine without a sandbox: let an agent with Docker take them',
    );
  if (context.job.spec.caches?.length)
    context.log('system', 'caches are left out: the commits come from a fork');
  const { sources } = context;
  return {
    ...context,
    job: { ...context.job, spec: { ...context.job.spec, caches: [] } },
    secrets: new Secrets(new Map()),
    caches: undefined,
    deployTo: [],
    ...(sources && { sources: { ...sources, submodules: false } }),
  };
}

function refused(why: string): StepProblem {
  return new StepProblem(
    `the commits come from a fork: ${why}. Skip the step in such runs (if: event != 'pull_request'), or push the commits ` +
      'to a branch of the repository itself',
  );
}
