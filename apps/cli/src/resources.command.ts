/** Commands that show pipelines, agents and jobs. */
import type { CommandContext } from './context.js';
import { EXIT } from './exit-codes.js';
import { PIPELINE_FILE, readDefinitionFile } from './pipeline-definition.js';
import { reportFieldErrors } from './report.js';
import { ago, between } from './text/duration.js';
import { paintStatus } from './text/status.js';
import { table } from './text/table.js';

export interface PageOptions {
  limit?: string;
  cursor?: string;
}

export async function validatePipeline({ api, out }: CommandContext, file = PIPELINE_FILE): Promise<void> {
  const definition = await readDefinitionFile(file, 'the file to validate');
  const report = await api.validatePipeline(definition.text);
  if (!report.valid) process.exitCode = EXIT.failed;
  if (out.format === 'json') return out.json(report);
  if (report.valid) return out.line(`${file} is valid`);
  reportFieldErrors(out, file, report.errors);
}

export async function listPipelines({ api, out }: CommandContext, query: PageOptions): Promise<void> {
  const page = await api.listPipelines({ ...query });
  if (out.format === 'json') return out.json(page);
  const rows = page.pipelines.map(({ id, version, updated_at }) => [
    id,
    `${version}`,
    ago(updated_at, Date.now()),
  ]);
  out.line(table(['PIPELINE', 'VERSION', 'CHANGED'], rows));
}

export async function listAgents({ api, out }: CommandContext, query: PageOptions): Promise<void> {
  const page = await api.listAgents({ ...query });
  if (out.format === 'json') return out.json(page);
  const rows = page.agents.map((agent) => [
    agent.agent_id,
    agent.name,
    agent.pool,
    agent.status,
    `${agent.jobs_running}/${agent.capacity}`,
    agent.capabilities.join(','),
    ago(agent.last_heartbeat, Date.now()),
  ]);
  out.line(
    table(['ID', 'NAME', 'POOL', 'STATUS', 'JOBS', 'CAN', 'LAST HEARTBEAT'], rows, (cell, column, row) =>
      column === 3 && row >= 0 ? paintStatus(cell, page.agents[row]?.status ?? '') : cell,
    ),
  );
}

export async function listJobs(
  { api, out }: CommandContext,
  query: PageOptions & { status?: string; pool?: string; runId?: string },
): Promise<void> {
  const { runId, ...others } = query;
  const page = await api.listJobs({ ...others, run_id: runId });
  if (out.format === 'json') return out.json(page);
  const rows = page.jobs.map((job) => [
    job.id,
    job.name,
    job.status,
    job.priority,
    `${job.attempt}/${job.max_attempts}`,
    ago(job.created_at, Date.now()),
    between(job.started_at, job.completed_at),
  ]);
  out.line(
    table(['ID', 'NAME', 'STATUS', 'PRIORITY', 'ATTEMPT', 'CREATED', 'TIME'], rows, (cell, column, row) =>
      column === 2 && row >= 0 ? paintStatus(cell, page.jobs[row]?.status ?? '') : cell,
    ),
  );
}

export async function viewJob({ api, out }: CommandContext, id: string): Promise<void> {
  const job = await api.getJob(id);
  if (out.format === 'json') return out.json(job);
  const rows = Object.entries(job).map(([key, value]) => [
    key,
    typeof value === 'object' ? JSON.stringify(value) : `${value}`,
  ]);
  out.line(table(['FIELD', 'VALUE'], rows));
}
