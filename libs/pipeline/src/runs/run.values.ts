/** What stands for templates in a run and its steps. */
import type { StepInstance } from '../language/expand.js';
import { ancestorsOf } from '../language/graph.js';
import type { TemplateValues } from '../language/template.js';
import { outputsOf } from './run.judgement.js';
import type { Run } from './run.state.js';

/** Values that all steps share. Version: the input `version`, else the beginning of the commit. */
export function runValues(run: Run): TemplateValues {
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

export function instanceValues(run: Run, instance: StepInstance): TemplateValues {
  const steps: Record<string, Record<string, string>> = {};
  for (const index of ancestorsOf(run.plan.graph, instance.step)) {
    steps[run.definition.steps[index]!.name] = outputsOf(run, index);
  }
  return { ...runValues(run), Matrix: instance.matrix, Steps: steps };
}
