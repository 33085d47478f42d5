/** Commands that look at runs that are there already. */
import type { CommandContext } from './context.js';
import { ago, between } from './text/duration.js';
import { findingsOf } from './text/findings.js';
import { paintStatus } from './text/status.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';
import { withReports } from './watch/run-watcher.js';
import { stepTable, waitingRun } from './watch/plain-audience.js';

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
    `run ${run.id} of ${run.pipeline} version ${run.pipeline_version}: ${paintStatus(run.status.toLowerCase(), run.status)}${run.message ? `: ${terminalText(run.message, false)}` : ''}`,
  );
  out.line(`started ${run.created_at} by ${run.started_by}${time && `, took ${time}`}`);
  if (run.source)
    out.line(
      terminalText(
        `source ${run.source.repository} ${run.source.ref ?? ''} ${run.source.commit ?? ''}`,
        false,
      ),
    );
  if (run.retry_of) out.line(`repeats run ${run.retry_of}`);
  if (run.status === 'WAITING') out.line(waitingRun(run));
  out.line();
  out.line(stepTable(run));
  for (const line of findingsOf(await withReports(api, run))) out.line(line);
}

export async function cancelRun({ api, out }: CommandContext, id: string): Promise<void> {
  const run = await api.cancelRun(id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} ${run.status.toLowerCase()}`);
}

export async function approveRun({ api, out }: CommandContext, id: string): Promise<void> {
  const run = await api.approveRun(id);
  if (out.format === 'json') out.json(run);
  else out.line(`run ${run.id} is approved: it is ${run.status.toLowerCase()}`);
}
