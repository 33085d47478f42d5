/** The job of a deployment, made fit for the queue; and what is recorded of it. */
import type { EnqueueJobCommand } from '@hybrid/contracts';
import type { DeploymentRequested } from './deployment.events.js';

/** Characters of a concurrency group; the contract's limit. */
const GROUP_MAX = 200;

/** Of one service in one environment one deployment runs at a time, whichever runs they are of. */
export function deploymentJob(job: EnqueueJobCommand): EnqueueJobCommand {
  const { step } = job.spec;
  const config = { ...step.config, service: textOf(step.config['service']) || (job.pipeline_id ?? '') };
  const group = `deploy/${textOf(step.config['environment'])}/${config.service}`.slice(0, GROUP_MAX);
  return {
    ...job,
    concurrency: { group, limit: 1 },
    spec: { ...job.spec, step: { ...step, config } },
  };
}

export function requestedBy(job: EnqueueJobCommand, requested_by: string, at: string): DeploymentRequested {
  const { step, source } = job.spec;
  const { environment, service, image, strategy, provider } = step.config;
  return {
    environment: textOf(environment),
    service: textOf(service),
    image: textOf(image),
    strategy: textOf(strategy) || 'recreate',
    provider: textOf(provider),
    run_id: job.run_id ?? null,
    step_id: step.id,
    pipeline_id: job.pipeline_id ?? null,
    commit: source?.commit ?? null,
    requested_by,
    at,
  };
}

/** What is no text the agent refuses, with words for the author: the deployment is recorded all the same. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
