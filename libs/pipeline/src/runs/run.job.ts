/** Makes the job of a step: everything that an agent needs, templates resolved except those that only it can resolve. */
import type { CacheSpec, EnqueueJobCommand, JobSpec, ServiceSpec } from '@hybrid/contracts';
import { v5 as uuidv5 } from 'uuid';
import type { StepDefinition } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { render, type TemplateValues } from '../language/template.js';
import { JobError } from './run.job-error.js';
import { capabilitiesFor, ownEnv, rendered, specOf } from './run.job-spec.js';
import type { Run } from './run.state.js';
import { instanceValues, runValues } from './run.values.js';

export { JobError } from './run.job-error.js';

/** Fixed forever: job ids follow from it, and a repeated decision must name the same job. */
const JOBS = '6f1c9d1e-58b0-5c0e-9a51-3b3f0a6d7c42';

/** A job that is larger would not fit into an append together with what caused it. */
const MAX_JOB_BYTES = 400_000;
/** What the queue takes. */
const MAX_ENV = 500;
const MAX_ENV_VALUE = 32_000;
const MAX_ARTIFACTS = 200;
const MAX_GROUP = 200;

export function jobIdOf(runId: string, stepId: string): string {
  return uuidv5(`${runId}/${stepId}`, JOBS);
}

/** Throws TemplateError when a value is missing or can't be used, JobError when the job is too large. */
export function jobOf(run: Run, instance: StepInstance): EnqueueJobCommand {
  const step = run.definition.steps[instance.step]!;
  const values = instanceValues(run, instance);
  const env = renderMap(run.definition.env, runValues(run));
  for (const own of [step.env, ownEnv(step)])
    Object.assign(env, renderMap(own, { ...values, Env: { ...env } }));
  const withEnv = { ...values, Env: env };

  const { config, artifacts_in = [], artifacts_out = [], fresh } = specOf(run, instance, step, withEnv);
  // A fork's job is run in a sandbox, or not at all.
  const capabilities = run.fork ? ['docker'] : capabilitiesFor(step);
  const job: EnqueueJobCommand = {
    job_id: jobIdOf(run.run_id, instance.id),
    run_id: run.run_id,
    pipeline_id: run.pipeline,
    name: instance.id,
    pool: run.pool ?? step.pool,
    labels: step.labels,
    ...(capabilities.length > 0 && { capabilities }),
    ...(step.priority && { priority: step.priority }),
    ...retryOf(step),
    on_exhausted: 'fail',
    timeout_seconds: step.timeout_seconds,
    ...(step.queue_timeout_seconds !== undefined && { queue_timeout_seconds: step.queue_timeout_seconds }),
    ...(step.concurrency && { concurrency: concurrencyOf(step.concurrency, withEnv) }),
    spec: {
      step: { id: instance.id, name: step.name, type: step.type, config },
      ...(fresh && run.source && { source: run.source }),
      execution_id: run.run_id,
      env: { ...env, ...parallelEnv(instance) },
      artifacts_in,
      artifacts_out,
      ...besides(run.fork ? { ...step, dynamic: false } : step, withEnv),
      ...(run.fork && { untrusted: true }),
    },
  };
  checkLimits(job);
  return job;
}

function retryOf({ retry }: StepDefinition): Partial<EnqueueJobCommand> {
  const { max_attempts, backoff_seconds, backoff_factor, max_backoff_seconds, exit_codes } = retry;
  return {
    max_attempts,
    backoff_seconds,
    ...(backoff_factor !== undefined && { backoff_factor }),
    ...(max_backoff_seconds !== undefined && { max_backoff_seconds }),
    ...(exit_codes && { retry_on_exit_codes: exit_codes }),
  };
}

function concurrencyOf({ group, limit }: { group: string; limit: number }, values: TemplateValues) {
  const name = render(group, values).trim();
  if (name === '' || name.length > MAX_GROUP)
    throw new JobError(`the concurrency group must have 1 to ${MAX_GROUP} characters: \`${group}\``);
  return { group: name, limit };
}

/** Services, caches and what the step may tell. */
function besides(step: StepDefinition, values: TemplateValues): Partial<JobSpec> {
  const { services = [], caches = [], test_reports = [], dynamic } = step;
  return {
    ...(services.length > 0 && {
      services: services.map((service) => rendered(service, values) as unknown as ServiceSpec),
    }),
    ...(caches.length > 0 && {
      caches: caches.map((cache) => rendered(cache, values) as unknown as CacheSpec),
    }),
    ...(test_reports.length > 0 && { test_reports: test_reports.map((glob) => render(glob, values)) }),
    ...(dynamic && { dynamic }),
  };
}

/** Which share of the work is this instance's. */
function parallelEnv({ parallel }: StepInstance): Record<string, string> {
  if (!parallel) return {};
  return {
    HYBRID_PARALLEL_INDEX: String(parallel.index),
    HYBRID_PARALLEL_TOTAL: String(parallel.total),
  };
}

function checkLimits(job: EnqueueJobCommand): void {
  const { env = {}, artifacts_in = [], artifacts_out = [] } = job.spec;
  if (Object.keys(env).length > MAX_ENV)
    throw new JobError(`the step has more than ${MAX_ENV} environment variables`);
  for (const [name, value] of Object.entries(env)) {
    if (value.length > MAX_ENV_VALUE)
      throw new JobError(`the value of ${name} has more than ${MAX_ENV_VALUE} characters`);
  }
  if (Math.max(artifacts_in.length, artifacts_out.length) > MAX_ARTIFACTS) {
    throw new JobError(`the step takes or makes more than ${MAX_ARTIFACTS} artifacts`);
  }
  const bytes = Buffer.byteLength(JSON.stringify(job));
  if (bytes > MAX_JOB_BYTES)
    throw new JobError(`the job has more than ${MAX_JOB_BYTES} bytes; put long texts into files`);
}

function renderMap(map: Record<string, string>, values: TemplateValues): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, render(value, values)]));
}
