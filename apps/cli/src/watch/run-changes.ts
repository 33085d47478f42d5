/** What happened to a run between two looks at it, in the order in which a person wants to read it. */
import type { RunView, StepView } from '@hybrid/contracts';
import { isWaitingGate } from '../text/gate.js';

export type RunChange =
  | { kind: 'step-started'; step: StepView }
  /** A gate needs people. */
  | { kind: 'gate-waits'; step: StepView }
  /** Finished, skipped or cancelled. */
  | { kind: 'step-ended'; step: StepView };

function isStepOver(step: StepView): boolean {
  switch (step.status) {
    case 'SUCCEEDED':
    case 'FAILED':
    case 'SKIPPED':
    case 'CANCELLED':
      return true;
    case 'PENDING':
    case 'WAITING':
    case 'QUEUED':
    case 'RUNNING':
      return false;
  }
}

export function isRunOver(run: Pick<RunView, 'status'>): boolean {
  return run.status === 'SUCCEEDED' || run.status === 'FAILED' || run.status === 'CANCELLED';
}

/** A step that ran shows itself started even if nobody looked while it ran. */
export function runChanges(before: RunView | undefined, now: RunView): RunChange[] {
  const known = new Map(before?.steps.map((step) => [step.id, step]));
  const changes = now.steps.flatMap((step): RunChange[] => {
    const last = known.get(step.id);
    const started = hasStarted(step) && !(last && hasStarted(last));
    const ended = isStepOver(step) && !(last && isStepOver(last));
    const waits = isWaitingGate(step) && last?.status !== 'WAITING';
    return [
      ...(waits ? [{ kind: 'gate-waits' as const, step }] : []),
      ...(started ? [{ kind: 'step-started' as const, step }] : []),
      ...(ended ? [{ kind: 'step-ended' as const, step }] : []),
    ];
  });
  return changes.sort((a, b) => time(a).localeCompare(time(b)));
}

function hasStarted(step: StepView): boolean {
  return step.job_id !== null && (step.status === 'RUNNING' || step.started_at !== null);
}

function time({ kind, step }: RunChange): string {
  return (kind === 'step-ended' ? step.completed_at : step.started_at) ?? '';
}
