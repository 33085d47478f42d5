/** Commands for the jobs of the queue. */
import pc from 'picocolors';
import type { JobView, Priority } from '@hybrid/contracts';
import type { AttemptLogLine } from './api.js';
import type { CommandContext, PageOptions } from './context.js';
import { UsageError } from './errors.js';
import { ago, between } from './text/duration.js';
import { paintStatus } from './text/status.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function listJobs(
  { api, out }: CommandContext,
  query: PageOptions & {
    status?: string;
    pool?: string;
    priority?: string;
    agent?: string;
    runId?: string;
    group?: string;
  },
): Promise<void> {
  const { runId, agent, ...others } = query;
  const page = await api.listJobs({ ...others, run_id: runId, agent_id: agent });
  if (out.format === 'json') return out.json(page);
  const rows = page.jobs.map((job) => [
    job.id,
    terminalText(job.name, false),
    job.status,
    terminalText(job.pool, false),
    job.priority,
    `${job.attempt}/${job.max_attempts}`,
    ago(job.created_at, Date.now()),
    between(job.started_at, job.completed_at),
  ]);
  out.line(
    table(
      ['ID', 'NAME', 'STATUS', 'POOL', 'PRIORITY', 'ATTEMPT', 'CREATED', 'TIME'],
      rows,
      (cell, column, row) =>
        column === 2 && row >= 0 ? paintStatus(cell, page.jobs[row]?.status ?? '') : cell,
    ),
  );
  if (page.next_cursor) out.note(`${page.total} in all; the next ones: --cursor ${page.next_cursor}`);
}

export async function getJob({ api, out }: CommandContext, id: string): Promise<void> {
  const job = await api.getJob(id);
  if (out.format === 'json') return out.json(job);
  const rows = Object.entries(job).map(([key, value]) => [
    key,
    terminalText(typeof value === 'object' ? JSON.stringify(value) : `${value}`, false),
  ]);
  out.line(table(['FIELD', 'VALUE'], rows));
}

export async function showJobLog(
  { api, out, logs }: CommandContext,
  id: string,
  { follow }: { follow?: boolean },
): Promise<void> {
  let shown = 0;
  const print = (line: AttemptLogLine) => {
    shown++;
    if (out.format === 'json') process.stdout.write(`${JSON.stringify(line)}\n`);
    else out.line(terminalText(line.text, pc.isColorSupported));
  };
  // A job that is not there is said at once: following one waits for it.
  await api.getJob(id);
  if (follow) await logs.follow(id, print, new AbortController().signal);
  else for await (const line of logs.stored(id)) print(line);
  if (shown > 0) return;
  const { log } = await api.getJob(id);
  if (log) out.note(`this log is kept by the customer, at ${log.location} (${log.lines} lines)`);
}

export async function cancelJob({ api, out }: CommandContext, id: string): Promise<void> {
  tell(out, await api.cancelJob(id));
}

export async function setJobPriority(
  { api, out }: CommandContext,
  id: string,
  priority: string,
): Promise<void> {
  const job = await api.setJobPriority(id, priority.toUpperCase() as Priority);
  if (out.format === 'json') return out.json(job);
  out.line(`job ${job.id} has priority ${job.priority}`);
}

/** One job by its id, or all that fit. */
export async function requeueJobs(
  { api, out }: CommandContext,
  id: string | undefined,
  options: {
    deadLetters?: boolean;
    failed?: boolean;
    pool?: string;
    priority?: string;
    runId?: string;
    pipelineId?: string;
    limit?: number;
  },
): Promise<void> {
  const { deadLetters, failed, runId, pipelineId, priority, ...filter } = options;
  if (Number(id !== undefined) + Number(deadLetters ?? 0) + Number(failed ?? 0) !== 1)
    throw new UsageError('name one job by its id, or say --dead-letters or --failed');
  if (id !== undefined) return tell(out, await api.requeueJob(id));
  const reply = await api.requeueJobs({
    ...filter,
    status: failed ? 'FAILED' : 'DEAD_LETTERED',
    priority: priority?.toUpperCase() as Priority | undefined,
    run_id: runId,
    pipeline_id: pipelineId,
  });
  if (out.format === 'json') return out.json(reply);
  out.line(`${reply.requeued} jobs are queued again`);
  if (reply.remaining > 0) out.note(`${reply.remaining} more fit: say it again`);
}

function tell(out: CommandContext['out'], job: JobView): void {
  if (out.format === 'json') out.json(job);
  else out.line(`job ${job.id} is ${job.status}`);
}
