import {
  LOG_LINE_MAX_BYTES,
  problem,
  RFC_3339,
  SEALED_LINE_MAX_BYTES,
  type FieldError,
  type LogLine,
  type SealedLines,
} from '@hybrid/contracts';

const STREAMS = ['stdout', 'stderr', 'system'];
const FIELDS = 4;
const KEY_NAME = /^[0-9a-f]{16}$/;
const KEYS_MAX = 10;
/** Base64 of how every file of age begins. */
const AGE = Buffer.from('age-encryption.org/v1\n->').toString('base64');
/** Enough to see what is wrong with a client. */
const MAX_ERRORS = 20;

export interface LogChunk {
  /** NDJSON, a LogLine a line. */
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
      texts.push(text);
    } else
      errors.push({
        path: '',
        message: `not a log line: {"seq":0,"time":"…","stream":"stdout","text":"…"}, its text at most ${LOG_LINE_MAX_BYTES} bytes, and nothing else`,
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

/** Null for all that is not exactly one. */
function parseLine(text: string): LogLine | null {
  try {
    const line = JSON.parse(text) as LogLine;
    const { seq, time, stream, text: content } = line;
    const valid =
      Number.isSafeInteger(seq) && seq >= 0 && typeof time === 'string' && STREAMS.includes(stream);
    if (!valid || typeof content !== 'string' || !RFC_3339.test(time)) return null;
    if (line.sealed !== undefined) return isSealed(line, line.sealed) ? line : null;
    return Object.keys(line).length === FIELDS && fits(content) ? line : null;
  } catch {
    return null;
  }
}

/** What it holds cannot be seen from here: its form and its bounds can. */
function isSealed({ text, stream, ...line }: LogLine, { lines, for: keys, ...more }: SealedLines): boolean {
  return (
    Object.keys(line).length === FIELDS - 1 &&
    Object.keys(more).length === 0 &&
    stream === 'system' &&
    text.length <= SEALED_LINE_MAX_BYTES &&
    text.startsWith(AGE) &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(text) &&
    Number.isSafeInteger(lines) &&
    lines >= 0 &&
    lines <= SEALED_LINE_MAX_BYTES &&
    Array.isArray(keys) &&
    keys.length > 0 &&
    keys.length <= KEYS_MAX &&
    keys.every((key) => typeof key === 'string' && KEY_NAME.test(key))
  );
}

function fits(text: string): boolean {
  return text.length * 3 <= LOG_LINE_MAX_BYTES || Buffer.byteLength(text) <= LOG_LINE_MAX_BYTES;
}
