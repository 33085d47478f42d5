import { problem, type FieldError, type LogLine } from '@hybrid/contracts';

const STREAMS = ['stdout', 'stderr', 'system'];
/** Enough to see what is wrong with a client. */
const MAX_ERRORS = 20;

export interface LogChunk {
  /** NDJSON, a LogLine a line, without what a line should not have. */
  bytes: Buffer;
  /** How many. */
  count: number;
  /** `seq` of the first and the last; 0 where there is none. */
  first: number;
  last: number;
}

/** Reads NDJSON, a LogLine a line; empty lines are skipped. @throws ProblemError naming each bad line by its number. */
export function readChunk(body: string): LogChunk {
  const errors: FieldError[] = [];
  const texts: string[] = [];
  let first = 0;
  let last = 0;
  for (const [index, text] of body.split('\n').entries()) {
    if (!text.trim()) continue;
    const line = parseLine(text);
    if (line) {
      if (texts.length === 0) first = line.seq;
      last = line.seq;
      texts.push(line.exact ? text : JSON.stringify({ ...line, exact: undefined }));
    } else
      errors.push({
        path: '',
        message: 'not a log line: {"seq":0,"time":"…","stream":"stdout","text":"…"}',
        line: index + 1,
      });
  }
  if (errors.length)
    throw problem(
      'invalid',
      'invalid_input',
      `${errors.length} line(s) are wrong`,
      errors.slice(0, MAX_ERRORS),
    );
  return { bytes: Buffer.from(texts.join('\n')), count: texts.length, first, last };
}

/** `exact`: it has nothing else. */
function parseLine(text: string): (LogLine & { exact: boolean }) | null {
  try {
    const line = JSON.parse(text) as LogLine;
    const { seq, time, stream, text: content } = line;
    const valid =
      Number.isSafeInteger(seq) && seq >= 0 && typeof time === 'string' && STREAMS.includes(stream);
    if (!valid || typeof content !== 'string') return null;
    return { seq, time, stream, text: content, exact: Object.keys(line).length === 4 };
  } catch {
    return null;
  }
}
