/** Makes the job of a step: everything that an agent needs, templates resolved except those of secrets. */
import type { ArtifactIn, ArtifactOut, EnqueueJobCommand } from '@hybrid/contracts';
import { v5 as uuidv5 } from 'uuid';
import { sourcesOfPush, storesArtifact } from '../language/artifacts.js';
import type { PushStep, ShellStep, StepDefinition } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { ancestorsOf } from '../language/graph.js';
import { render, type TemplateValues } from '../language/template.js';
import { outputsOf } from './run.judgement.js';
import type { Run } from './run.state.js';

/** Fixed forever: job ids follow from it, and a repeated decision must name the same job. */
const JOBS = '6f1c9d1e-58b0-5c0e-9a51-3b3f0a6d7c42';

/** A name that the artifact store takes. */
const KEY = /^[A-Za-z0-9._-]{1,200}$/;

/** A job that is larger would not fit into an append together with what caused it. */
const MAX_JOB_BYTES = 400_000;
/** What the queue takes. */
const MAX_ENV = 500;
const MAX_ENV_VALUE = 32_000;
const MAX_ARTIFACTS = 200;

/** The job can't be made as the pipeline wants it. */
export class JobError extends Error {
  override readonly name = 'JobError';
}

export function jobIdOf(runId: string, stepId: string): string {
  return uuidv5(`${runId}/${stepId}`, JOBS);
}

/** Throws TemplateError when a value is missing or can't be used, JobError when the job is too large. */
export function jobOf(run: Run, instance: StepInstance): EnqueueJobCommand {
  const step = run.definition.steps[instance.step]!;
  const values = valuesOf(run, instance);
  const base = runValues(run);
  const env = renderMap(run.definition.env, base);
  Object.assign(env, renderMap(step.env, { ...values, Env: { ...env } }));
  if (step.type === 'step.shell_exec')
    Object.assign(env, renderMap(step.config.env, { ...values, Env: { ...env } }));
  const withEnv = { ...values, Env: env };

  const { config, artifacts_in = [], artifacts_out = [], fresh } = specOf(run, instance, step, withEnv);
  const job: EnqueueJobCommand = {
    job_id: jobIdOf(run.run_id, instance.id),
    run_id: run.run_id,
    pipeline_id: run.pipeline,
    name: instance.id,
    pool: step.pool,
    labels: step.labels,
    max_attempts: step.retry.max_attempts,
    backoff_seconds: step.retry.backoff_seconds,
    on_exhausted: 'fail',
    timeout_seconds: step.timeout_seconds,
    spec: {
      step: { id: instance.id, name: step.name, type: step.type, config },
      ...(fresh && run.source && { source: run.source }),
      execution_id: run.run_id,
      env,
      artifacts_in,
      artifacts_out,
    },
  };
  checkLimits(job);
  return job;
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

interface SpecParts {
  config: Record<string, unknown>;
  artifacts_in?: ArtifactIn[];
  artifacts_out?: ArtifactOut[];
  /** Whether the job begins with a checkout. */
  fresh: boolean;
}

function specOf(run: Run, instance: StepInstance, step: StepDefinition, values: TemplateValues): SpecParts {
  switch (step.type) {
    case 'step.shell_exec':
      return shellSpec(run, instance, step, values);
    case 'step.artifact_push': {
      const { key, source_path, dest } = step.config;
      const config = { key: keyOf(key, values), source_path: render(source_path, values), dest };
      const stored = sourcesOfPush(run.definition, run.plan.graph.indexOf, instance.step).length > 0;
      // Stored by the shell step already: this job confirms it, and needs no checkout, whose files it might mistake for them.
      if (stored) return { config: { ...config, stored: true }, fresh: false };
      return { config, artifacts_in: pulledBefore(run, instance.step), fresh: true };
    }
    case 'step.artifact_pull': {
      const { key, source, dest, execution_id } = step.config;
      const from =
        source === 'previous_execution' ? '{{.PreviousExecutionID}}' : (execution_id ?? '{{.RunID}}');
      return {
        config: {
          source,
          key: keyOf(key, values),
          dest: render(dest, values),
          execution_id: render(from, values),
        },
        fresh: false,
      };
    }
    default:
      throw new TypeError(`step ${step.name} has no job`);
  }
}

function shellSpec(run: Run, instance: StepInstance, step: ShellStep, values: TemplateValues): SpecParts {
  const { image, commands, work_dir, network, artifacts_in, artifacts_out } = step.config;
  return {
    config: {
      ...(image !== undefined && { image: render(image, values) }),
      commands: commands.map((command) => render(command, values)),
      ...(work_dir !== undefined && { work_dir: render(work_dir, values) }),
      ...(network !== undefined && { network }),
    },
    artifacts_in: [
      ...pulledBefore(run, instance.step),
      ...artifacts_in.map(({ key, dest, execution_id = '{{.RunID}}' }) => ({
        execution_id: render(execution_id, values),
        key: keyOf(key, values),
        dest: render(dest, values),
      })),
    ],
    artifacts_out: [
      ...artifacts_out
        .filter(({ key }) => storesArtifact(step, instance, key))
        .map(({ key, path }) => ({ key: keyOf(key, values), path: render(path, values) })),
      ...pushesFrom(run, instance.step),
    ],
    fresh: true,
  };
}

/** What the pushes that need this step take from its workspace, for each of their instances. */
function pushesFrom(run: Run, step: number): ArtifactOut[] {
  return (run.plan.pushesFrom.get(step) ?? []).flatMap((push) => {
    const { key, source_path } = (run.definition.steps[push] as PushStep).config;
    return run.plan.instancesOf[push]!.map((index) => {
      const values = { ...runValues(run), Matrix: run.plan.instances[index]!.matrix };
      return { key: keyOf(key, values), path: render(source_path, values) };
    });
  });
}

/** What the pulls before this step brought, directly or not. */
function pulledBefore(run: Run, step: number): ArtifactIn[] {
  return ancestorsOf(run.plan.graph, step).flatMap((index) =>
    run.plan.instancesOf[index]!.flatMap((instance) => {
      const { pulled, status } = run.steps[instance]!;
      if (!pulled || status !== 'SUCCEEDED') return [];
      return [{ execution_id: pulled.execution_id, key: pulled.key, dest: pulled.dest }];
    }),
  );
}

function keyOf(template: string, values: TemplateValues): string {
  const key = render(template, values);
  if (!KEY.test(key)) {
    throw new JobError(
      `\`${key.slice(0, 200)}\` can't be the key of an artifact; letters, digits, . _ - can`,
    );
  }
  return key;
}

/** Values that all steps share. Version: the input `version`, else the beginning of the commit. */
function runValues(run: Run): TemplateValues {
  const commit = run.source?.commit ?? '';
  const inputs: Record<string, string> = {};
  for (const name of Object.keys(run.definition.inputs)) inputs[name] = String(run.inputs[name] ?? '');
  return {
    Version: inputs.version || commit.slice(0, 12),
    Branch: run.source?.ref ?? '',
    Commit: commit,
    RunID: run.run_id,
    PreviousExecutionID: run.previous_execution_id,
    Inputs: inputs,
  };
}

function valuesOf(run: Run, instance: StepInstance): TemplateValues {
  const steps: Record<string, Record<string, string>> = {};
  for (const index of ancestorsOf(run.plan.graph, instance.step)) {
    steps[run.definition.steps[index]!.name] = outputsOf(run, index);
  }
  return { ...runValues(run), Matrix: instance.matrix, Steps: steps };
}

function renderMap(map: Record<string, string>, values: TemplateValues): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, render(value, values)]));
}
