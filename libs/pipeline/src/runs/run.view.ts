import type { RunView, StepView } from '@hybrid/contracts';
import { forgives } from './run.judgement.js';
import type { Run } from './run.state.js';

/** A run whose view is larger is shown in short: a NATS message has 1 MiB. */
const MAX_VIEW_BYTES = 600_000;
/** Of 1,000 steps each has room for so many characters. */
const SHORT_MESSAGE = 150;

/** Of all steps together. Beyond it, names stand for all instances of a step, and beyond it again nothing does. */
const MAX_NEEDS = 10_000;

/** The run as its readers see it. */
export function viewOf(run: Run): RunView {
  const steps = run.plan.instances.map((_, index) => stepView(run, index));
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
    retry_of: run.retry?.of ?? null,
    message: run.message,
    ...(run.status === 'WAITING' && { waits_for: run.held ? 'approval' : 'group' }),
    ...(run.approved_by !== null && { approved_by: run.approved_by }),
    steps,
  };
}

/** The same, in short where it would not fit into a message. */
export function messageViewOf(run: Run): RunView {
  const whole = needsFit(run) ? viewOf(run) : null;
  if (whole && Buffer.byteLength(JSON.stringify(whole)) <= MAX_VIEW_BYTES) return whole;
  const named = run.plan.instances.reduce(
    (sum, { step }) => sum + run.definition.steps[step]!.needs.length,
    0,
  );
  const most = named > MAX_NEEDS ? 0 : Infinity;
  const view =
    whole ?? viewOf({ ...run, plan: { ...run.plan, instancesOf: run.plan.instancesOf.map(() => []) } });
  return { ...view, steps: view.steps.map((step, index) => inShort(run, step, index, most)), in_short: true };
}

/** A step by its id, or by its name where it has one instance; undefined where there is none. */
export function findStepView(run: Run, id: string): StepView | undefined {
  const { indexOf, instancesOf, graph } = run.plan;
  const instances = instancesOf[graph.indexOf.get(id) ?? -1] ?? [];
  const index = indexOf.get(id) ?? (instances.length === 1 ? instances[0] : undefined);
  return index === undefined ? undefined : stepView(run, index);
}

function stepView(run: Run, index: number): StepView {
  const { instances, instancesOf, graph } = run.plan;
  const { id, step, matrix } = instances[index]!;
  const definition = run.definition.steps[step]!;
  const { name, type, needs } = definition;
  const state = run.steps[index]!;
  const { pulled: _, attempt: __, failed_tests: ___, gate, failed_attempts, ...shown } = state;
  return {
    ...{ id, name, type, matrix, ...shown },
    ...(state.status === 'FAILED' && forgives(definition, state) && { allowed: true }),
    needs: needs.flatMap((need) =>
      (instancesOf[graph.indexOf.get(need) ?? -1] ?? []).map((instance) => instances[instance]!.id),
    ),
    failed_attempts: [...failed_attempts],
    gate: gate && {
      approvers: gate.approvers,
      required: gate.required,
      expires_at: gate.expires_at,
      decisions: [...gate.decisions],
    },
  };
}

/** A matrix that needs a matrix has as many needs as the product of the two. */
function needsFit({ definition, plan }: Run): boolean {
  let needs = 0;
  definition.steps.forEach((step, index) => {
    const needed = step.needs.map(
      (need) => plan.instancesOf[plan.graph.indexOf.get(need) ?? -1]?.length ?? 0,
    );
    needs += plan.instancesOf[index]!.length * needed.reduce((sum, count) => sum + count, 0);
  });
  return needs <= MAX_NEEDS;
}

function inShort(run: Run, step: StepView, index: number, needs: number): StepView {
  const { message, failed_attempts, gate } = step;
  return {
    ...step,
    needs: run.definition.steps[run.plan.instances[index]!.step]!.needs.slice(0, needs),
    message: message && message.length > SHORT_MESSAGE ? `${message.slice(0, SHORT_MESSAGE - 1)}…` : message,
    outputs: {},
    artifacts: [],
    report: null,
    failed_attempts: failed_attempts.slice(-1).map((attempt) => ({ ...attempt, message: null })),
    gate: gate && { ...gate, approvers: [], decisions: [] },
  };
}
