/** Commands that decide gates: a gate is named by its step, or by the step's instance where it has a matrix. */
import type { RunView } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import { approvalsOf, isWaitingGate } from './text/gate.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function listGates({ api, out }: CommandContext, runId: string): Promise<void> {
  const run = await api.getRun(runId);
  const waiting = run.steps.filter(isWaitingGate);
  if (out.format === 'json') return out.json({ gates: waiting });
  if (waiting.length === 0) return out.line(`no gate of run ${run.id} waits`);
  const rows = waiting.map(({ id, gate }) => [
    terminalText(id, false),
    approvalsOf(gate),
    gate.approvers.length > 0 ? terminalText(gate.approvers.join(', '), false) : 'whoever may approve',
    gate.expires_at ?? 'never',
  ]);
  out.line(table(['GATE', 'APPROVALS', 'APPROVERS', 'EXPIRES'], rows));
}

interface Decision {
  reason?: string;
}

interface Approval extends Decision {
  key?: string;
  repo: string;
  file?: string;
}

export async function approveGate(
  { api, out }: CommandContext,
  runId: string,
  gate: string,
  { reason, key, repo, file }: Approval,
): Promise<void> {
  const signature =
    key === undefined ? undefined : await signed(api, runId, gate, { keyFile: key, repo, file });
  const decision = { ...(reason !== undefined && { reason }), ...(signature !== undefined && { signature }) };
  const run = await api.approveGate(runId, gate, decision);
  if (out.format === 'json') return out.json(run);
  const step = stepOf(run, gate);
  const still = step && isWaitingGate(step) ? `: ${approvalsOf(step.gate)} approvals so far` : '';
  out.line(`gate ${gate} of run ${run.id} approved${still}`);
}

export async function rejectGate(
  { api, out }: CommandContext,
  runId: string,
  gate: string,
  { reason }: Decision,
): Promise<void> {
  const run = await api.rejectGate(runId, gate, { ...(reason !== undefined && { reason }) });
  if (out.format === 'json') out.json(run);
  else out.line(`gate ${gate} of run ${run.id} rejected`);
}

/** Of this run, at the commit that it shows: what an agent is shown differs from neither. */
async function signed(
  api: CommandContext['api'],
  runId: string,
  gate: string,
  by: { keyFile: string; repo: string; file?: string },
): Promise<string> {
  const run = await api.getRun(runId);
  const { approvalOf } = await import('./sign.command.js');
  const commit = run.source?.commit ?? null;
  return approvalOf(by, { run_id: run.id, gate: stepOf(run, gate)?.id ?? gate, commit });
}

function stepOf(run: RunView, gate: string) {
  return run.steps.find(({ id, name }) => id === gate || name === gate);
}
