import { problem, type FieldError, type LogLine } from '@hybrid/contracts';

const STREAMS = ['stdout', 'stderr', 'system'];
/** Enough to see what is wrong with a client. */
const MAX_ERRORS = 20;

/** Reads NDJSON, a LogLine a line; empty lines are skipped. @throws ProblemError naming each bad line by its number. */
export function parseLines(body: string): LogLine[] {
  const errors: FieldError[] = [];
  const lines: LogLine[] = [];
  for (const [index, text] of body.split('\n').entries()) {
    if (!text.trim()) continue;
    const line = parseLine(text);
    if (line) lines.push(line);
    else
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
  return lines;
}

function parseLine(text: string): LogLine | null {
  try {
    const { seq, time, stream, text: content } = JSON.parse(text) as LogLine;
    const valid =
      Number.isSafeInteger(seq) && seq >= 0 && typeof time === 'string' && STREAMS.includes(stream);
    return valid && typeof content === 'string' ? { seq, time, stream, text: content } : null;
  } catch {
    return null;
  }
}
