import type { RunView, StepView } from '@hybrid/contracts';
import type { Run } from './run.state.js';

/** The run as its readers see it. */
export function viewOf(run: Run): RunView {
  const { instances, instancesOf, graph } = run.plan;
  const steps = instances.map(({ id, step, matrix }, index): StepView => {
    const { name, type } = run.definition.steps[step]!;
    const needs = run.definition.steps[step]!.needs.flatMap((need) =>
      (instancesOf[graph.indexOf.get(need) ?? -1] ?? []).map((instance) => instances[instance]!.id),
    );
    const { pulled: _, attempt: __, ...state } = run.steps[index]!;
    const later = { report: null, failed_attempts: [], gate: null, reused_from: null };
    return { id, name, type, matrix, needs, ...state, ...later };
  });
  return {
    id: run.run_id,
    pipeline: run.pipeline,
    pipeline_version: run.pipeline_version,
    status: run.status,
    source: run.source,
    started_by: run.started_by,
    created_at: run.started_at,
    completed_at: run.completed_at,
    steps_total: steps.length,
    steps_succeeded: steps.filter(({ status }) => status === 'SUCCEEDED').length,
    steps_failed: steps.filter(({ status }) => status === 'FAILED').length,
    retry_of: null,
    steps,
  };
}
