import type { RunGraph, RunView, StepView } from '@hybrid/contracts';
import type { Run } from './run.state.js';

/** The run as its readers see it. */
export function viewOf(run: Run): RunView {
  const steps = run.plan.instances.map(({ id, step, matrix }, index): StepView => {
    const { name, type, needs } = run.definition.steps[step]!;
    const { pulled: _, attempt: __, ...state } = run.steps[index]!;
    return { id, name, type, matrix, needs, ...state };
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
    steps,
  };
}

/** Nodes are step instances; a need of a step with a matrix is an edge from each of its instances. */
export function graphViewOf(run: Run): RunGraph {
  const { instances, instancesOf, graph } = run.plan;
  return {
    nodes: instances.map(({ id, step }, index) => {
      const { name, type } = run.definition.steps[step]!;
      return { id, name, type, status: run.steps[index]!.status };
    }),
    edges: instances.flatMap(({ id, step }) =>
      run.definition.steps[step]!.needs.flatMap((need) =>
        (instancesOf[graph.indexOf.get(need) ?? -1] ?? []).map((from) => ({
          from: instances[from]!.id,
          to: id,
        })),
      ),
    ),
  };
}
