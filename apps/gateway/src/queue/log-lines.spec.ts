import { describe, expect, it } from '@jest/globals';
import { LOG_LINE_MAX_BYTES, ProblemError } from '@hybrid/contracts';
import { readCursor } from './job-log.js';
import { readChunk } from './log-lines.js';

const good = { seq: 0, time: '2026-01-01T00:00:00.000Z', stream: 'stdout', text: 'hello' };

describe('log lines', () => {
  it('are read one by one', () => {
    const text = `${JSON.stringify(good)}\n\n${JSON.stringify({ ...good, seq: 1 })}\n`;
    const { bytes, ...where } = readChunk(text);
    expect(
      bytes
        .toString()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([good, { ...good, seq: 1 }]);
    expect(where).toEqual({ count: 2, first: 0, last: 1 });
    expect(readChunk('\n\n')).toMatchObject({ count: 0 });
    const longest = { ...good, text: 'é'.repeat(LOG_LINE_MAX_BYTES / 2) };
    expect(readChunk(JSON.stringify(longest))).toMatchObject({ count: 1 });
  });

  it.each(['nonsense', 'null', '[]', '"text"', ...wrong().map((one) => JSON.stringify(one))])(
    'that are wrong are named by their number in the text: %s',
    (bad) => {
      expect(refusal(() => readChunk(`\n${JSON.stringify(good)}\n${bad}`))).toMatchObject({
        code: 'invalid_input',
        errors: [{ line: 3 }],
      });
    },
  );

  it('are not all named when all are wrong', () => {
    const { detail, errors } = refusal(() => readChunk('x\n'.repeat(1_000)));
    expect(detail).toContain('1000');
    expect(errors).toHaveLength(20);
  });
});

describe('a cursor', () => {
  it('names a chunk, an attempt and a line', () => {
    expect(readCursor('12.1.34')).toEqual({ sequence: 12, attempt: 1, line: 34 });
    expect(readCursor(undefined)).toBeUndefined();
  });

  it.each(['12', '12.1', '12.1.-1', '1e3.1.1', ' 1.1.1', '1.1.1x'])('is not %s', (text) => {
    expect(refusal(() => readCursor(text))).toMatchObject({ code: 'invalid_cursor' });
  });
});

function wrong() {
  return [
    { ...good, seq: -1 },
    { ...good, seq: 1.5 },
    { ...good, seq: '0' },
    { ...good, stream: 'radio' },
    { ...good, text: 1 },
    { ...good, time: undefined },
    { ...good, time: 'noon' },
    { ...good, more: 'x' },
    { ...good, text: 'é'.repeat(LOG_LINE_MAX_BYTES / 2 + 1) },
  ];
}

function refusal(work: () => unknown) {
  try {
    work();
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('it was accepted');
}
