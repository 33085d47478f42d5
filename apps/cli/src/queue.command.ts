/** Commands for the queue as a whole: its figures, and whether its log holds what the rules say. */
import type { QueueFigures, QueueCounts, QueueVerification, VerificationProgress } from '@hybrid/contracts';
import type { Api } from './api.js';
import type { CommandContext } from './context.js';
import { CommandError, UnreachableError } from './errors.js';
import { EXIT } from './exit-codes.js';
import { readServerEvents } from './server-events.js';
import { duration } from './text/duration.js';
import { table } from './text/table.js';
import { terminalText } from './text/terminal-text.js';

export async function queueStats(
  { api, out }: CommandContext,
  { window }: { window?: string },
): Promise<void> {
  const stats = await api.queueStats({ window });
  if (out.format === 'json') return out.json(stats);
  const row = (name: string, counts: QueueCounts, figures: QueueFigures) => [
    terminalText(name, false),
    `${counts.queued}`,
    `${counts.delayed}`,
    `${counts.running}`,
    `${counts.completed}`,
    `${counts.failed}`,
    `${counts.dead_lettered}`,
    `${counts.cancelled}`,
    `${figures.ended}`,
    seconds(figures.avg_wait_seconds),
    seconds(figures.p95_wait_seconds),
    seconds(figures.avg_execution_seconds),
    `${(figures.failure_rate * 100).toFixed(1)} %`,
  ];
  const parts = [...Object.entries(stats.pools), ...Object.entries(stats.priorities)];
  const ended = `ENDED ${stats.window}`;
  out.line(
    table(
      [
        ...['', 'QUEUED', 'DELAYED', 'RUNNING', 'COMPLETED', 'FAILED', 'DEAD', 'CANCELLED'],
        ...[ended, 'WAIT', 'P95', 'EXECUTION', 'FAILURES'],
      ],
      [row('all', stats, stats), ...parts.map(([name, part]) => row(name, part, part.windows[stats.window]))],
    ),
  );
}

/** Ends with 1 when the log says otherwise than the scheduler, or a job was lost. */
export async function verifyQueue({ api, out }: CommandContext): Promise<void> {
  const found = await verification(api);
  if (found.divergences_total > 0) process.exitCode = EXIT.failed;
  if (out.format === 'json') return out.json(found);
  const { events, jobs, claims, unexplained_claims, undecided_claims, divergences, divergences_total } =
    found;
  out.line(
    `${claims} claims of ${jobs} jobs in ${events} events derived again in ${duration(found.seconds * 1000)}`,
  );
  if (unexplained_claims > 0)
    out.line(`${unexplained_claims} claims of older versions say nothing of their decision`);
  if (undecided_claims > 0)
    out.line(
      `${undecided_claims} claims can have come about in more ways than were tried: neither derived nor found wrong`,
    );
  if (divergences_total === 0)
    return out.line(
      `every ${unexplained_claims + undecided_claims > 0 ? 'other ' : ''}claim is what the scheduler decides, and no job was lost`,
    );
  out.line(
    `${divergences_total} divergences${divergences.length < divergences_total ? ', the first ones' : ''}:`,
  );
  for (const { position, job_id, code, detail } of divergences)
    out.line(`  at ${position}, job ${job_id}: ${code}: ${terminalText(detail, false)}`);
}

/** Shows the progress on a terminal. One that breaks off is not begun again by itself: it reads the whole log. */
async function verification(api: Api): Promise<QueueVerification> {
  const response = await api.openEvents('/api/queue/verification', undefined, new AbortController().signal);
  const terminal = process.stderr.isTTY;
  try {
    for await (const { event, data } of readServerEvents(response)) {
      if (event === 'result') return JSON.parse(data) as QueueVerification;
      if (event === 'failed') throw new UnreachableError((JSON.parse(data) as { detail: string }).detail);
      if (event !== 'progress' || !terminal) continue;
      const { events, claims, divergences } = JSON.parse(data) as VerificationProgress;
      process.stderr.write(`\r\u001b[K${events} events, ${claims} claims, ${divergences} divergences`);
    }
  } catch (cause) {
    if (cause instanceof CommandError) throw cause;
    throw new UnreachableError('the connection broke before the verification was done; ask again', { cause });
  } finally {
    if (terminal) process.stderr.write('\r\u001b[K');
  }
  throw new UnreachableError('the server ended the verification before it was done; ask again');
}

function seconds(value: number): string {
  return duration(value * 1000);
}
