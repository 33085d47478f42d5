/** Which artifacts a job stores and fetches, and from which run. */
import type { ArtifactIn, ArtifactOut } from '@hybrid/contracts';
import { storesArtifact } from '../language/artifacts.js';
import type { PluginStep, PushStep, ShellStep } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { ancestorsOf } from '../language/graph.js';
import { render, type TemplateValues } from '../language/template.js';
import { JobError } from './run.job-error.js';
import type { Run } from './run.state.js';
import { runValues } from './run.values.js';

/** A name that the artifact store takes. */
const KEY = /^[A-Za-z0-9._-]{1,200}$/;

type StoringStep = PluginStep | ShellStep;

export function keyOf(template: string, values: TemplateValues): string {
  const key = render(template, values);
  if (!KEY.test(key)) {
    throw new JobError(
      `\`${key.slice(0, 200)}\` can't be the key of an artifact; letters, digits, . _ - can`,
    );
  }
  return key;
}

/** What the step asks for itself. */
export function fetchedBy(run: Run, { config }: StoringStep, values: TemplateValues): ArtifactIn[] {
  return config.artifacts_in.map(({ key: template, dest, execution_id = '{{.RunID}}' }) => {
    const key = keyOf(template, values);
    return { execution_id: homeOf(run, render(execution_id, values), key), key, dest: render(dest, values) };
  });
}

/** Of the instances for which a key is the same, one stores it. */
export function storedBy(step: StoringStep, instance: StepInstance, values: TemplateValues): ArtifactOut[] {
  return step.config.artifacts_out
    .filter(({ key }) => storesArtifact(step, instance, key))
    .map(({ key, path, retention_days }) => ({
      key: keyOf(key, values),
      path: render(path, values),
      ...(retention_days !== undefined && { retention_days }),
    }));
}

/** What the pushes that need this step take from its workspace, for each of their instances. */
export function pushesFrom(run: Run, step: number): ArtifactOut[] {
  return (run.plan.pushesFrom.get(step) ?? []).flatMap((push) => {
    const { key, source_path, retention_days } = (run.definition.steps[push] as PushStep).config;
    return run.plan.instancesOf[push]!.map((index) => {
      const values = { ...runValues(run), Matrix: run.plan.instances[index]!.matrix };
      return {
        key: keyOf(key, values),
        path: render(source_path, values),
        ...(retention_days !== undefined && { retention_days }),
      };
    });
  });
}

/** What the pulls before this step brought, directly or not. */
export function pulledBefore(run: Run, step: number): ArtifactIn[] {
  return ancestorsOf(run.plan.graph, step).flatMap((index) =>
    run.plan.instancesOf[index]!.flatMap((instance) => {
      const { pulled, status } = run.steps[instance]!;
      if (!pulled || status !== 'SUCCEEDED') return [];
      return [{ execution_id: pulled.execution_id, key: pulled.key, dest: pulled.dest }];
    }),
  );
}

/** The run that has an artifact: a step whose result was taken over stored it in the run in which it ran. */
export function homeOf(run: Run, execution_id: string, key: string): string {
  if (execution_id !== run.run_id) return execution_id;
  const makers = run.steps.filter(({ artifacts }) => artifacts.some((artifact) => artifact.key === key));
  const ranHere = makers.some(({ reused_from }) => reused_from === null);
  return (ranHere ? null : makers.at(-1)?.reused_from) ?? execution_id;
}
