/** Commands that look at runs that are there already. */
import pc from 'picocolors';
import type { RunView, StepView } from '@hybrid/contracts';
import type { AttemptLogLine } from './api.js';
import type { CommandContext } from './context.js';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { ago, between } from './text/duration.js';
import { paintStatus } from './text/status.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';
import { silentAudience, watchToTheEnd } from './watch.command.js';
import { storedJobLog } from './watch/job-log.js';
import { stepTable } from './watch/plain-audience.js';

export async function listRuns(
  { api, out }: CommandContext,
  query: { limit?: string; cursor?: string; status?: string; pipeline?: string },
): Promise<void> {
  const page = await api.listRuns({ ...query });
  if (out.format === 'json') return out.json(page);
  const rows = page.runs.map((run) => [
    run.id,
    run.pipeline,
    run.status.toLowerCase(),
    `${run.steps_succeeded}/${run.steps_total}`,
    run.source?.commit?.slice(0, 10) ?? '',
    ago(run.created_at, Date.now()),
    between(run.created_at, run.completed_at),
  ]);
  out.line(
    table(['ID', 'PIPELINE', 'STATUS', 'STEPS', 'COMMIT', 'STARTED', 'TIME'], rows, (cell, column, row) =>
      column === 2 && row >= 0 ? paintStatus(cell, page.runs[row]?.status ?? '') : cell,
    ),
  );
  if (page.next_cursor) out.note(`${page.total} in all; the next ones: --cursor ${page.next_cursor}`);
}

export async function viewRun({ api, out }: CommandContext, id: string): Promise<void> {
  const run = await api.getRun(id);
  if (out.format === 'json') return out.json(run);
  const time = between(run.created_at, run.completed_at);
  out.line(
    `run ${run.id} of ${run.pipeline} version ${run.pipeline_version}: ${paintStatus(run.status.toLowerCase(), run.status)}`,
  );
  out.line(`started ${run.created_at} by ${run.started_by}${time && `, took ${time}`}`);
  if (run.source)
    out.line(
      terminalText(
        `source ${run.source.repository} ${run.source.ref ?? ''} ${run.source.commit ?? ''}`,
        false,
      ),
    );
  out.line();
  out.line(stepTable(run));
}

export async function cancelRun({ api, out }: CommandContext, id: string): Promise<void> {
  const run = await api.cancelRun(id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} ${run.status.toLowerCase()}`);
}

export async function runLogs(
  context: CommandContext,
  id: string,
  options: { step?: string; follow?: boolean },
): Promise<void> {
  const { api, out } = context;
  const first = await api.getRun(id);
  const wanted = stepsNamed(first, options.step);
  const print = (step: StepView, line: AttemptLogLine) => {
    if (out.format === 'json') process.stdout.write(`${JSON.stringify({ step: step.id, ...line })}\n`);
    else
      out.line(
        `${wanted.length > 1 ? pc.dim(`${step.id} │ `) : ''}${terminalText(line.text, pc.isColorSupported)}`,
      );
  };
  if (options.follow) {
    const ids = new Set(wanted.map((step) => step.id));
    const logLine = (step: StepView, line: AttemptLogLine) => ids.has(step.id) && print(step, line);
    return watchToTheEnd(context, id, { ...silentAudience(out.note), logLine });
  }
  for (const step of wanted) {
    if (step.job_id === null) continue;
    for await (const line of storedJobLog(api, step.job_id)) print(step, line);
  }
}

/** A name stands for all instances of its matrix. */
function stepsNamed(run: RunView, name: string | undefined): StepView[] {
  const steps = run.steps.filter((step) => name === undefined || step.id === name || step.name === name);
  if (steps.length > 0) return steps;
  const names = run.steps.map((step) => step.id).join(', ');
  throw new CommandError(`run ${run.id} has no step "${name}"; it has ${names}`, EXIT.failed);
}
