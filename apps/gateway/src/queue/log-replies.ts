/** A log as its readers get it: a page, server-sent events, or a file of text. */
import type { DownloadLog, JobView, LogPage, ReadLog } from '@hybrid/contracts';
import type { SseMessage } from '../edge/server-sent-events.js';
import type { PlacedLine } from './job-log.js';
import { pick, shownLine, whatIsSealed, withoutColours } from './shown-lines.js';

const PAGE_MAX = 5_000;
/** Lines that one page looks at, however few of them are wanted: about a tenth of a second's work. */
const LOOKED_AT_MAX = 100_000;
/** Characters of a page's lines: sealed ones are longer. */
const TEXT_MAX = 16 * 1024 * 1024;

/** Ends early when it has looked at enough: the next page goes on from there. */
export async function readPage(
  chunks: AsyncIterable<PlacedLine[]>,
  { limit = PAGE_MAX, search, ...show }: ReadLog,
): Promise<Pick<LogPage, 'lines' | 'next_cursor'>> {
  const lines: LogPage['lines'] = [];
  const plain = show.plain === 'true';
  let last: string | null = null;
  let lookedAt = 0;
  let size = 0;
  for await (const chunk of chunks) {
    const wanted = pick(chunk, show, search);
    const room = limit - lines.length;
    for (const { line } of wanted.slice(0, room)) {
      lines.push(shownLine(line, plain));
      size += line.text.length;
    }
    // One more than fits: only then is there a next page.
    if (wanted.length > room) return { lines, next_cursor: room > 0 ? wanted[room - 1]!.cursor : last };
    last = chunk.at(-1)?.cursor ?? last;
    lookedAt += chunk.length;
    if (lookedAt >= LOOKED_AT_MAX || size >= TEXT_MAX) return { lines, next_cursor: last };
  }
  return { lines, next_cursor: null };
}

/** `line` for each, at last `end`, with where the log lies if the customer keeps it. */
export async function* asEvents(
  chunks: AsyncIterable<PlacedLine[]>,
  { search, ...show }: ReadLog,
  ended: () => Promise<JobView>,
): AsyncGenerator<SseMessage[]> {
  const plain = show.plain === 'true';
  for await (const chunk of chunks) {
    const wanted = pick(chunk, show, search);
    const messages = wanted.map(({ cursor: id, line }) => ({
      id,
      event: 'line',
      data: shownLine(line, plain),
    }));
    if (messages.length > 0) yield messages;
  }
  const job = await ended();
  yield [{ event: 'end', data: { ...(job.log && { log: job.log }), ...whyElsewhere(job) } }];
}

/** Lines of text; a line between attempts, where there are several. */
export async function* asText(
  chunks: AsyncIterable<PlacedLine[]>,
  { timestamps, plain, ...show }: DownloadLog,
  ifEmpty = '',
): AsyncGenerator<string> {
  let attempt = 1;
  let empty = true;
  for await (const chunk of chunks) {
    let text = '';
    for (const { line } of pick(chunk, show)) {
      if (line.attempt !== attempt && show.attempt === undefined) text += `=== attempt ${line.attempt} ===\n`;
      attempt = line.attempt;
      const clear = line.sealed ? whatIsSealed(line.sealed) : line.text;
      const shown = plain === 'true' ? withoutColours(clear) : clear;
      text += timestamps === 'true' ? `${line.time} ${shown}\n` : `${shown}\n`;
    }
    if (text === '') continue;
    empty = false;
    yield text;
  }
  if (empty && ifEmpty !== '') yield `${ifEmpty}\n`;
}

/** In characters that need no quoting anywhere. */
export function fileName({ name, id }: JobView): string {
  const safe = name
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[-.]+|-+$/g, '')
    .slice(0, 80);
  return `${safe || 'job'}-${id}.log`;
}

export function whyElsewhere({ log }: JobView): { message: string } | undefined {
  return log
    ? {
        message: `this log is kept by the customer, at ${log.location} (${log.lines} lines, sha256 ${log.sha256})`,
      }
    : undefined;
}
