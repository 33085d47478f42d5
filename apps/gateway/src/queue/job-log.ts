/** A job's log as JetStream keeps it: chunks of lines, some of them more than once, read as lines, each once. */
import { LOGS_STREAM, problem, type LogLine } from '@hybrid/contracts';
import { DeliverPolicy, jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

export interface JobLogLine extends LogLine {
  attempt: number;
}

/** A line and where to go on after it. */
export interface PlacedLine {
  cursor: string;
  line: JobLogLine;
}

/** How long a quiet log is waited for before asking whether its job has ended; the least that JetStream takes. */
const QUIET_MS = 1_000;
const CHUNKS_AT_A_TIME = 500;

/** A chunk holds many lines: a cursor names the chunk and the last line seen of it. */
interface Place {
  sequence: number;
  attempt: number;
  line: number;
}

/** @throws ProblemError `invalid_cursor`. */
export function readCursor(cursor: string | undefined): Place | undefined {
  if (cursor === undefined || cursor === '') return undefined;
  const [, sequence, attempt, line] = /^(\d{1,15})\.(\d{1,9})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (!sequence)
    throw problem('invalid', 'invalid_cursor', 'this is not a place in a log that was answered before', [
      { path: 'cursor', message: 'take next_cursor of the page before, or the id of the last event' },
    ]);
  return { sequence: Number(sequence), attempt: Number(attempt), line: Number(line) };
}

/**
 * Lines of all attempts after a place, or from the start; ends when `over` says that nothing more will come, and all
 * that is there was read. `over` is asked before each look at the log: what came before its answer is in the log.
 */
export async function* readLog(
  nats: NatsConnection,
  { org, jobId, after }: { org: string; jobId: string; after: Place | undefined },
  over: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<PlacedLine> {
  const consumer = await jetstream(nats).consumers.get(LOGS_STREAM, {
    filter_subjects: `log.${org}.${jobId}.*`,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, after?.sequence ?? 1),
  });
  const seen = new Map(after ? [[after.attempt, after.line]] : []);
  while (!signal.aborted) {
    const last = await over();
    const { num_pending: waiting } = await consumer.info();
    if (last && waiting === 0) return;
    // No more than is there: a fetch that is broken off may lose what is on its way.
    const chunks = await consumer.fetch({
      max_messages: Math.min(Math.max(waiting, 1), CHUNKS_AT_A_TIME),
      expires: QUIET_MS,
    });
    for await (const message of chunks) {
      const attempt = Number(message.subject.slice(message.subject.lastIndexOf('.') + 1));
      for (const text of message.string().split('\n')) {
        const line = JSON.parse(text) as LogLine;
        if (line.seq <= (seen.get(attempt) ?? -1)) continue;
        seen.set(attempt, line.seq);
        yield { cursor: `${message.seq}.${attempt}.${line.seq}`, line: { ...line, attempt } };
      }
    }
  }
}
