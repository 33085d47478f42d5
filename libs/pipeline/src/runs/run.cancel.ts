/** The early end of a run, by request or for want of time. What is open is cancelled; steps that clean up still run. */
import { reject, type Rejection } from '@hybrid/decider';
import { parseCondition } from '../language/condition.js';
import type { CancelRun, PassDeadlines } from './run.commands.js';
import { isPast, runDeadline } from './run.deadline.js';
import type { RunEvent } from './run.events.js';
import { advance } from './run.schedule.js';
import { evolve, hasEnded, isOver, type Run } from './run.state.js';

export function cancelRun({ reason, actor, once, now }: CancelRun, run: Run): RunEvent[] | Rejection {
  switch (run.status) {
    case 'CANCELLED':
      return [];
    case 'SUCCEEDED':
    case 'FAILED':
      return reject('run_finished', `the run ended at ${run.completed_at}; there is nothing to cancel`);
    case 'CANCELLING':
      return once ? [] : endCleanUp(run, now);
    case 'WAITING':
    case 'RUNNING':
      return beginCancelling(run, { reason, actor, timed_out: false }, now);
  }
}

export function passDeadlines({ now }: PassDeadlines, run: Run): RunEvent[] {
  if (hasEnded(run)) return [];
  const deadline = runDeadline(run);
  if (deadline !== null && isPast(deadline, now)) {
    if (run.status === 'CANCELLING') return endCleanUp(run, now);
    const reason = `timed out after ${run.definition.timeout_seconds} s`;
    return beginCancelling(run, { reason, actor: 'pipelines', timed_out: true }, now);
  }
  const shut = run.steps.flatMap(({ status, gate }, index): RunEvent[] => {
    if (status !== 'WAITING' || !gate?.expires_at || !isPast(gate.expires_at, now)) return [];
    const step_id = run.plan.instances[index]!.id;
    const approvals = gate.decisions.length;
    const message = `nobody decided in time: ${approvals} of ${gate.required} approvals by ${gate.expires_at}`;
    return [{ type: 'GateRejected', data: { step_id, conditions: gate.conditions, message, at: now } }];
  });
  return [...shut, ...advance(shut.reduce(evolve, run) as Run, shut, now)];
}

function beginCancelling(
  run: Run,
  why: { reason: string; actor: string; timed_out: boolean },
  now: string,
): RunEvent[] {
  const message = why.timed_out ? `the run ${why.reason}` : 'the run was cancelled';
  const stays = (index: number) => {
    const step = run.definition.steps[run.plan.instances[index]!.step]!;
    if (run.status === 'WAITING' || run.steps[index]!.status !== 'PENDING' || step.type === 'step.gate')
      return false;
    return step.if !== null && parseCondition(step.if).asksForStatus;
  };
  return led(run, [
    { type: 'RunCancelling', data: { ...why, at: now } },
    ...cancelOpen(run, message, now, stays),
  ]);
}

function endCleanUp(run: Run, now: string): RunEvent[] {
  return led(run, cancelOpen(run, 'the run was cancelled while it cleaned up', now));
}

function led(run: Run, events: RunEvent[]): RunEvent[] {
  return [...events, ...advance(events.reduce(evolve, run) as Run, events, events[0]!.data.at)];
}

function cancelOpen(
  run: Run,
  message: string,
  now: string,
  stays: (index: number) => boolean = () => false,
): RunEvent[] {
  return run.steps.flatMap((step, index): RunEvent[] => {
    if (isOver(step) || stays(index)) return [];
    const step_id = run.plan.instances[index]!.id;
    return [{ type: 'StepCancelled', data: { step_id, job_id: step.job_id, message, at: now } }];
  });
}
