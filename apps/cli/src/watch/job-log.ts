import type { Api, AttemptLogLine } from '../api.js';
import { serverEvents } from '../server-events.js';

/**
 * Hands every line of a job's log to `onLine`, once and in order, from its first line on; resolves when the job is
 * over and its log complete, or when `signal` aborts.
 */
export async function followJobLog(
  api: Api,
  jobId: string,
  onLine: (line: AttemptLogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  let attempt = 0;
  let seq = -1;
  for await (const event of serverEvents(
    api,
    `/api/queue/jobs/${encodeURIComponent(jobId)}/logs?follow=true`,
    signal,
  )) {
    if (event.event === 'end') return;
    if (event.event !== 'line') continue;
    const line = JSON.parse(event.data) as AttemptLogLine;
    // After a reconnect the server may send lines again.
    if (line.attempt < attempt || (line.attempt === attempt && line.seq <= seq)) continue;
    attempt = line.attempt;
    seq = line.seq;
    onLine(line);
  }
}

/** The lines that are there now; with `search` only those that hold it, in whatever case. */
export async function* storedJobLog(
  api: Api,
  jobId: string,
  search?: string,
): AsyncGenerator<AttemptLogLine> {
  let cursor: string | undefined;
  do {
    const page = await api.jobLogs(jobId, { limit: 200, cursor, search });
    yield* page.lines;
    // A log that still grows always has a next page, which is empty at its end.
    cursor = page.lines.length > 0 ? (page.next_cursor ?? undefined) : undefined;
  } while (cursor !== undefined);
}
