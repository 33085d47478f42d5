/** People decide a gate: once each, as many as it takes, nobody of their own run. */
import { reject, type Rejection } from '@hybrid/decider';
import type { DecideGate } from './run.commands.js';
import type { RunEvent } from './run.events.js';
import { advance } from './run.schedule.js';
import { evolve, hasEnded, type OpenGate, type Run } from './run.state.js';

/** The installation's administrator, for whom there is nobody else to ask where nobody is signed in. */
const ADMINISTRATOR = 'administrator';

export function decideGate(command: DecideGate, run: Run): RunEvent[] | Rejection {
  const { gate: name, person, decision, reason, signature, now } = command;
  const index = gateIndex(run, name);
  const step = run.steps[index];
  if (!step) return reject('gate_not_found', `the run has no manual gate \`${name}\``, 'not_found');
  if (!person)
    return reject(
      'gate_needs_person',
      'a gate is decided by a person who is signed in, not by an API key: use `hybrid login`, or the dashboard',
      'forbidden',
    );
  const before = step.gate?.decisions.find(({ by }) => by === person.user_id);
  if (before?.decision === decision) return [];
  if (step.status === 'PENDING' && !hasEnded(run))
    return reject('gate_not_open', `the gate \`${name}\` is not open yet: steps that it needs are not over`);
  if (step.status !== 'WAITING' || !step.gate)
    return reject('gate_decided', `the gate \`${name}\` is decided already: ${step.status}`);
  if (before)
    return reject('gate_decided', `you have ${before.decision} it already; a decision cannot be changed`);
  const refused = mayDecide(run, step.gate, person, decision);
  if (refused) return refused;

  const step_id = run.plan.instances[index]!.id;
  const data = { step_id, by: person.user_id, reason, at: now };
  const { conditions, required, decisions } = step.gate;
  const events: RunEvent[] = [];
  if (decision === 'rejected') {
    const message = `rejected by ${person.user_id}${reason ? `: ${reason}` : ''}`;
    events.push({ type: 'GateRefused', data });
    events.push({ type: 'GateRejected', data: { step_id, conditions, message, at: now } });
  } else {
    events.push({ type: 'GateApproved', data: { ...data, ...(signature !== undefined && { signature }) } });
    if (decisions.length + 1 >= required)
      events.push({ type: 'GatePassed', data: { step_id, conditions, at: now } });
  }
  return [...events, ...advance(events.reduce(evolve, run) as Run, events, now)];
}

function mayDecide(
  run: Run,
  gate: OpenGate,
  person: NonNullable<DecideGate['person']>,
  decision: DecideGate['decision'],
): Rejection | null {
  const { user_id, email } = person;
  const names = [user_id, ...(email === null ? [] : [email])].map((name) => name.toLowerCase());
  const named = gate.approvers.some((approver) => names.includes(approver.trim().toLowerCase()));
  if (gate.approvers.length > 0 && !named)
    return reject('not_an_approver', 'the gate names others to decide', 'forbidden');
  const alone = user_id === ADMINISTRATOR && gate.approvers.length === 0 && gate.required === 1;
  if (decision === 'approved' && wanted(run).includes(user_id) && !alone)
    return reject('own_run', 'whoever started a run does not approve it: somebody else has to', 'forbidden');
  return null;
}

function wanted({ started_by, wanted_by = [] }: Run): string[] {
  return [started_by, ...wanted_by];
}

/** By the id of its instance, or by its name where that has one only; -1 where there is none. */
function gateIndex(run: Run, name: string): number {
  const index = run.plan.indexOf.get(name) ?? onlyInstance(run, name);
  const step = run.definition.steps[run.plan.instances[index]?.step ?? -1];
  return step?.type === 'step.gate' && step.config.type === 'manual' ? index : -1;
}

function onlyInstance({ plan }: Run, name: string): number {
  const instances = plan.instancesOf[plan.graph.indexOf.get(name) ?? -1] ?? [];
  return instances.length === 1 ? instances[0]! : -1;
}
