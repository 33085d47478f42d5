import type { GateView, StepView } from '@hybrid/contracts';

export type WaitingGate = StepView & { gate: GateView };

export function isWaitingGate(step: StepView): step is WaitingGate {
  return step.status === 'WAITING' && step.gate !== null;
}

/** `1 of 2`. */
export function approvalsOf({ decisions, required }: GateView): string {
  return `${decisions.filter(({ decision }) => decision === 'approved').length} of ${required}`;
}
