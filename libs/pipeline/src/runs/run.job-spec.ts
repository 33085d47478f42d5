/** What an agent is told of a step, by the step's type: its config with templates put in, and what it begins with. */
import type { ArtifactIn, ArtifactOut } from '@hybrid/contracts';
import { sourcesOfPush } from '../language/artifacts.js';
import type { PullStep, PushStep, StepDefinition } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { render, type TemplateValues } from '../language/template.js';
import { fetchedBy, homeOf, keyOf, pulledBefore, pushesFrom, storedBy } from './run.artifacts.js';
import type { Run } from './run.state.js';

export interface SpecParts {
  config: Record<string, unknown>;
  artifacts_in?: ArtifactIn[];
  artifacts_out?: ArtifactOut[];
  /** Whether the job begins with a checkout, into which artifacts are put. */
  fresh: boolean;
}

export function specOf(
  run: Run,
  instance: StepInstance,
  step: StepDefinition,
  values: TemplateValues,
): SpecParts {
  switch (step.type) {
    case 'step.shell_exec':
    case 'step.plugin': {
      const { env: _, artifacts_in: __, artifacts_out: ___, ...config } = step.config;
      return {
        config: rendered(config, values),
        artifacts_in: [...pulledBefore(run, instance.step), ...fetchedBy(run, step, values)],
        artifacts_out: [...storedBy(step, instance, values), ...pushesFrom(run, instance.step)],
        fresh: true,
      };
    }
    case 'step.artifact_push':
      return pushSpec(run, instance, step, values);
    case 'step.artifact_pull':
      return { config: pullConfig(run, step, values), fresh: false };
    case 'step.docker_build':
      return {
        config: rendered(step.config, values),
        artifacts_in: pulledBefore(run, instance.step),
        fresh: true,
      };
    case 'step.scan_sast':
    case 'step.scan_container':
    case 'step.scan_deps': {
      const config = rendered(step.config, values);
      const { artifact_key } = step.config;
      if (artifact_key !== undefined) config.artifact_key = keyOf(artifact_key, values);
      return { config, artifacts_in: pulledBefore(run, instance.step), fresh: true };
    }
    case 'step.docker_push':
      return { config: rendered(step.config, values), fresh: false };
    case 'step.docker_run':
    case 'step.deploy': {
      const { env: _, ...config } = step.config;
      return { config: rendered(config, values), fresh: false };
    }
    case 'step.gate':
      throw new TypeError(`the gate ${step.name} has no job`);
  }
}

/** Variables of the config itself. */
export function ownEnv(step: StepDefinition): Record<string, string> {
  return 'env' in step.config ? step.config.env : {};
}

/** Capabilities that an agent must have, as agents name them. */
export function capabilitiesFor({ type }: StepDefinition): string[] {
  return type.startsWith('step.docker_') ? ['docker'] : [];
}

function pushSpec(run: Run, instance: StepInstance, step: PushStep, values: TemplateValues): SpecParts {
  const { key, ...texts } = step.config;
  const config = { key: keyOf(key, values), ...rendered(texts, values) };
  const stored = sourcesOfPush(run.definition, run.plan.graph.indexOf, instance.step).length > 0;
  // Stored by the shell step already: this job confirms it, and needs no checkout, whose files it might mistake for them.
  if (stored) return { config: { ...config, stored: true }, fresh: false };
  return { config, artifacts_in: pulledBefore(run, instance.step), fresh: true };
}

function pullConfig(run: Run, { config }: PullStep, values: TemplateValues): Record<string, unknown> {
  const { source, dest, execution_id } = config;
  const from = source === 'previous_execution' ? '{{.PreviousExecutionID}}' : (execution_id ?? '{{.RunID}}');
  const key = keyOf(config.key, values);
  return {
    source,
    key,
    dest: render(dest, values),
    execution_id: homeOf(run, render(from, values), key),
  };
}

/** Every text within, keys left as they are. */
export function rendered<T extends object>(config: T, values: TemplateValues): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([key, value]: [string, unknown]) =>
      value === undefined ? [] : [[key, renderedValue(value, values)]],
    ),
  );
}

function renderedValue(value: unknown, values: TemplateValues): unknown {
  if (typeof value === 'string') return render(value, values);
  if (Array.isArray(value)) return value.map((one) => renderedValue(one, values));
  return typeof value === 'object' && value !== null ? rendered(value, values) : value;
}
