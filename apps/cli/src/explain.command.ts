/** Why a job waits, and who was given what instead, as text. */
import pc from 'picocolors';
import type { ExplainedWait, JobExplanation, WaitReason } from '@hybrid/contracts';
import type { CommandContext } from './context.js';
import type { Output } from './output.js';
import { duration } from './text/duration.js';
import { paintStatus } from './text/status.js';
import { terminalText } from './text/terminal-text.js';

export async function explainJob(
  { api, out }: CommandContext,
  id: string,
  { claims }: { claims?: number },
): Promise<void> {
  const explanation = await api.explainJob(id, { claims });
  if (out.format === 'json') return out.json(explanation);
  tellNow(out, explanation);
  for (const wait of explanation.waits) tellWait(out, wait);
}

function tellNow(out: Output, job: JobExplanation): void {
  const { priority, effective_priority } = job;
  const aged =
    effective_priority && effective_priority !== priority ? `, by its age ${effective_priority}` : '';
  out.line(
    `job ${job.job_id} is ${paintStatus(job.status, job.status)} in pool ${plain(job.pool)}, priority ${priority}${aged}`,
  );
  if (job.reasons.length > 0) {
    out.line(`why it waits, as of ${job.as_of}:`);
    for (const [index, reason] of job.reasons.entries()) tellReason(out, index + 1, reason);
  }
  if (job.ahead !== null) out.line(`jobs before it: ${job.ahead}`);
}

function tellReason(out: Output, number: number, { code, detail, facts }: WaitReason): void {
  out.line(`  ${number}. ${plain(detail)} ${pc.dim(`(${code})`)}`);
  const told = Object.entries(facts).flatMap(([name, value]) =>
    value === null || (Array.isArray(value) && value.length === 0)
      ? []
      : [`${name} ${Array.isArray(value) ? value.join(', ') : value}`],
  );
  if (told.length > 0) out.line(`     ${pc.dim(plain(told.join('; ')))}`);
}

function tellWait(out: Output, wait: ExplainedWait): void {
  const { attempt, since, until, wait_seconds, agent_id, passed_over, passed_over_total, incomplete } = wait;
  const end =
    until === null
      ? 'and still waits'
      : agent_id === null
        ? `and was not claimed, until ${until}`
        : `until agent ${agent_id} claimed it at ${until}`;
  out.line();
  out.line(`attempt ${attempt} waited ${duration(wait_seconds * 1000)} from ${since} ${end}`);
  if (passed_over_total > 0)
    out.line(`  agents were given another job ${passed_over_total}${incomplete ? ' or more' : ''} times:`);
  for (const { at, agent_id: agent, job_id, code, detail } of passed_over)
    out.line(`  ${at}  agent ${agent} got job ${job_id}: ${plain(detail)} ${pc.dim(`(${code})`)}`);
  if (incomplete)
    out.line('  older claims of its pool were not looked at; --claims <n> looks at the newest n');
}

/** Pools, groups and reasons are named by people. */
function plain(text: string): string {
  return terminalText(text, false);
}
