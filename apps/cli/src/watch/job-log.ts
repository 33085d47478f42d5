/** Logs of jobs as people read them: lines that the agent has encrypted are opened with the customer's key. */
import { CommandError } from '../errors.js';
import { EXIT } from '../exit-codes.js';
import type { SealedLog, SealedReader } from '@hybrid/sealed';
import type { Api, AttemptLogLine } from '../api.js';
import { serverEvents } from '../server-events.js';

export interface JobLogs {
  /**
   * Hands every line of a job's log to `onLine`, once and in order, from its first line on; resolves when the job is
   * over and its log complete, or when `signal` aborts.
   */
  follow(jobId: string, onLine: (line: AttemptLogLine) => void, signal: AbortSignal): Promise<void>;
  /** The lines that are there now; with `search` all that hold it, in whatever case, and maybe others. */
  stored(jobId: string, search?: string): AsyncGenerator<AttemptLogLine>;
}

/** @param openKey the customer's key; nothing where none was given. */
export function jobLogs(
  api: Api,
  openKey: () => Promise<SealedReader | undefined>,
  note: (text: string) => void,
): JobLogs {
  return {
    async follow(jobId, onLine, signal) {
      const log = openedLog(jobId, openKey, note);
      let attempt = 0;
      let seq = -1;
      const path = `/api/queue/jobs/${encodeURIComponent(jobId)}/logs?follow=true`;
      for await (const event of serverEvents(api, path, signal)) {
        if (event.event === 'end') return log.end();
        if (event.event !== 'line') continue;
        const line = JSON.parse(event.data) as AttemptLogLine;
        // After a reconnect the server may send lines again.
        if (line.attempt < attempt || (line.attempt === attempt && line.seq <= seq)) continue;
        attempt = line.attempt;
        seq = line.seq;
        for (const opened of await log.open(line)) onLine(opened);
      }
    },

    async *stored(jobId, search) {
      const log = openedLog(jobId, openKey, note);
      const key = search === undefined ? undefined : await openKey();
      let cursor: string | undefined;
      do {
        // The control plane cannot search what it cannot read: with a key all lines come, for the caller to search.
        const page = await api.jobLogs(jobId, { limit: 200, cursor, search: key ? undefined : search });
        for (const line of page.lines) yield* await log.open(line);
        // A log that still grows always has a next page, which is empty at its end.
        cursor = page.lines.length > 0 ? (page.next_cursor ?? undefined) : undefined;
      } while (cursor !== undefined);
      if ((await log.hasKey()) && (await api.getJob(jobId)).completed_at !== null) log.end();
    },
  };
}

function openedLog(
  jobId: string,
  openKey: () => Promise<SealedReader | undefined>,
  note: (text: string) => void,
) {
  let reading: Promise<SealedLog | undefined> | undefined;
  return {
    async open(line: AttemptLogLine): Promise<AttemptLogLine[]> {
      reading ??= openKey().then((key) => key?.log(jobId));
      const log = await reading;
      if (!log) return shown(line);
      const { lines, warnings } = await log.open(line).catch((cause: Error) => {
        throw new CommandError(`the log of job ${jobId} cannot be read: ${cause.message}`, EXIT.failed, {
          cause,
        });
      });
      for (const warning of warnings) note(`job ${jobId}: ${warning}`);
      return lines;
    },
    async hasKey(): Promise<boolean> {
      return (await reading) !== undefined;
    },
    end(): void {
      void reading?.then((log) => {
        for (const attempt of log?.withoutEnd ?? [])
          note(
            `job ${jobId}: the end of attempt ${attempt} did not come: its agent died, or lines are withheld`,
          );
      });
    },
  };
}

/** Without a key. */
function shown(line: AttemptLogLine): AttemptLogLine[] {
  if (!line.sealed) return [line];
  const { lines, for: keys } = line.sealed;
  if (lines === 0) return [];
  const text = `[${lines} line(s), sealed for ${keys.join(', ')}: give that key by --key-file or HYBRID_KEY_FILE]`;
  return [{ ...line, text }];
}
