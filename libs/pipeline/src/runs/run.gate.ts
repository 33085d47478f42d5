/** What a gate does when what it needs is over: its conditions are looked at once, here. */
import { ConditionError } from '../language/cel.js';
import { evaluateCondition } from '../language/condition.js';
import type { GateStep } from '../language/definition.js';
import type { StepInstance } from '../language/expand.js';
import { later } from './run.deadline.js';
import type { GateCondition, RunEvent } from './run.events.js';
import { conditionValues, statusOf } from './run.judgement.js';
import type { Run } from './run.state.js';

/** It passes, is shut, or waits for people. */
export function openGate(run: Run, instance: StepInstance, { config }: GateStep, now: string): RunEvent {
  const step_id = instance.id;
  if (config.type === 'manual') {
    const conditions = evaluated(run, instance, config.auto_approve_conditions);
    if (conditions.length > 0 && conditions.every(({ result }) => result === true))
      return { type: 'GatePassed', data: { step_id, conditions, at: now } };
    const { approvers, required, timeout_seconds } = config;
    const expires_at = timeout_seconds === null ? null : later(now, timeout_seconds);
    return { type: 'GateOpened', data: { step_id, approvers, required, expires_at, conditions, at: now } };
  }
  const conditions = evaluated(run, instance, config.conditions);
  const refusing = conditions.find(({ result }) => result !== true);
  if (!refusing) return { type: 'GatePassed', data: { step_id, conditions, at: now } };
  const message = refusing.error ?? `the condition is false: ${refusing.expression}`;
  return { type: 'GateRejected', data: { step_id, conditions, message, at: now } };
}

function evaluated(run: Run, instance: StepInstance, expressions: string[]): GateCondition[] {
  const values = conditionValues(run, instance.step, instance.matrix);
  const status = statusOf(run, instance.step, true);
  return expressions.map((expression) => {
    try {
      return { expression, result: evaluateCondition(expression, values, status), error: null };
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error;
      return { expression, result: null, error: error.message };
    }
  });
}
