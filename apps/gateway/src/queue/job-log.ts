/** A job's log as JetStream keeps it: chunks of lines, some of them more than once, read as lines, each once. */
import { logSubject, LOGS_STREAM, problem, ProblemError, type LogLine } from '@hybrid/contracts';
import { DeliverPolicy, jetstream, type Consumer, type JsMsg } from '@nats-io/jetstream';
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
/** Of at most 256 KiB each: what one reader may have on its way in memory. */
const CHUNKS_AT_A_TIME = 32;

/** A chunk holds many lines: a cursor names the chunk and the last line seen of it. */
export interface Place {
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

/** Stores a chunk; `id` keeps one that is sent again at once from being stored twice. @throws ProblemError where NATS cannot. */
export async function storeChunk(
  nats: NatsConnection,
  chunk: { org: string; job_id: string; attempt: number; bytes: Uint8Array; id: string },
): Promise<void> {
  const { org, job_id, attempt, bytes, id } = chunk;
  const msgID = `${job_id}.${attempt}.${id}`;
  try {
    await jetstream(nats).publish(logSubject(org, job_id, attempt), bytes, { msgID });
  } catch (cause) {
    const { problem: what } = problem(
      'unavailable',
      'log_unavailable',
      'NATS does not store logs at the moment; try again',
    );
    throw new ProblemError(what, { cause });
  }
}

export interface LogAddress {
  org: string;
  jobId: string;
  /** One attempt of it; all unless told. */
  attempt?: number;
  after?: Place;
}

/** Lines that are stored now, after a place or from the start: chunk by chunk, no more at a time than is asked for. */
export async function* storedLines(nats: NatsConnection, address: LogAddress): AsyncGenerator<PlacedLine[]> {
  const once = linesOnce(address.after);
  const consumer = await consumerOf(nats, address);
  try {
    let { num_pending: waiting } = await consumer.info();
    while (waiting > 0) {
      // No more than is there: a fetch that is broken off may lose what is on its way.
      const max_messages = Math.min(waiting, CHUNKS_AT_A_TIME);
      const chunks = await consumer.fetch({ max_messages, expires: QUIET_MS });
      for await (const message of chunks) {
        waiting = message.info.pending;
        yield once(message);
      }
      if (waiting > 0) ({ num_pending: waiting } = await consumer.info());
    }
  } finally {
    await consumer.delete().catch(() => undefined);
  }
}

/**
 * As `storedLines`, and then each chunk as it comes, until `over` says that nothing more will. That is asked when the
 * log is quiet: what came before its answer is in the log.
 */
export async function* followLines(
  nats: NatsConnection,
  address: LogAddress,
  over: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<PlacedLine[]> {
  let { after } = address;
  const once = linesOnce(after);
  const consumer = await consumerOf(nats, address);
  const chunks = await consumer.consume({ max_messages: CHUNKS_AT_A_TIME });
  const stop = (): void => chunks.stop();
  signal.addEventListener('abort', stop, { once: true });
  let heard = -Infinity;
  const look = async (): Promise<void> => {
    const quiet = performance.now() - heard >= QUIET_MS;
    if (quiet && (await over())) stop();
  };
  const fail = (error: unknown): void => chunks.stop(error as Error);
  const looking = setInterval(() => void look().catch(fail), QUIET_MS);
  try {
    await look();
    for await (const message of chunks) {
      const lines = once(message);
      heard = performance.now();
      const last = lines.at(-1);
      if (!last) continue;
      after = { sequence: message.seq, attempt: last.line.attempt, line: last.line.seq };
      yield lines;
      heard = performance.now();
    }
  } finally {
    clearInterval(looking);
    signal.removeEventListener('abort', stop);
    await consumer.delete().catch(() => undefined);
  }
  // What was on its way when it was stopped.
  if (!signal.aborted) yield* storedLines(nats, { ...address, after });
}

/** Sequence and first line of a chunk: the first, the last, or the first from a sequence on. */
export async function chunkAt(
  nats: NatsConnection,
  { org, jobId, attempt }: { org: string; jobId: string; attempt: number },
  where: 'first' | 'last' | number,
): Promise<{ sequence: number; line: number } | undefined> {
  const consumer = await jetstream(nats).consumers.get(LOGS_STREAM, {
    filter_subjects: `log.${org}.${jobId}.${attempt}`,
    ...(where === 'last'
      ? { deliver_policy: DeliverPolicy.Last }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: where === 'first' ? 1 : where }),
  });
  try {
    if ((await consumer.info()).num_pending === 0) return undefined;
    for await (const message of await consumer.fetch({ max_messages: 1, expires: QUIET_MS })) {
      const text = message.string();
      const line = JSON.parse(text.slice(0, (text.indexOf('\n') + 1 || text.length + 1) - 1)) as LogLine;
      return { sequence: message.seq, line: line.seq };
    }
    return undefined;
  } finally {
    await consumer.delete().catch(() => undefined);
  }
}

async function consumerOf(
  nats: NatsConnection,
  { org, jobId, attempt, after }: LogAddress,
): Promise<Consumer> {
  return jetstream(nats).consumers.get(LOGS_STREAM, {
    filter_subjects: `log.${org}.${jobId}.${attempt ?? '*'}`,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: Math.max(1, after?.sequence ?? 1),
  });
}

/** Answers the lines of a chunk that did not come before. */
function linesOnce(after?: Place): (message: JsMsg) => PlacedLine[] {
  const seen = new Map(after ? [[after.attempt, after.line]] : []);
  return (message) => {
    const attempt = Number(message.subject.slice(message.subject.lastIndexOf('.') + 1));
    let last = seen.get(attempt) ?? -1;
    const lines: PlacedLine[] = [];
    for (const text of message.string().split('\n')) {
      const line = JSON.parse(text) as LogLine;
      if (line.seq <= last) continue;
      last = line.seq;
      lines.push({ cursor: `${message.seq}.${attempt}.${line.seq}`, line: { ...line, attempt } });
    }
    seen.set(attempt, last);
    return lines;
  };
}
