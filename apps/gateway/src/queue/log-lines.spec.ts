import { describe, expect, it } from '@jest/globals';
import { LOG_LINE_MAX_BYTES, ProblemError, SEALED_LINE_MAX_BYTES } from '@hybrid/contracts';
import { readCursor } from './job-log.js';
import { readChunk } from './log-lines.js';

const AGE = Buffer.from('age-encryption.org/v1\n-> X25519 x').toString('base64');
const sealed = {
  seq: 9,
  time: '2026-01-01T00:00:00.000Z',
  stream: 'system',
  text: AGE,
  sealed: { lines: 10, for: ['0123456789abcdef'] },
};
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

  it('may be sealed, and longer then', () => {
    const longest = { ...sealed, text: AGE.padEnd(SEALED_LINE_MAX_BYTES, 'A') };
    expect(readChunk(JSON.stringify(longest))).toMatchObject({ count: 1, last: 9 });
    const end = { ...sealed, sealed: { lines: 0, for: Array<string>(10).fill('0123456789abcdef') } };
    expect(readChunk(JSON.stringify(end))).toMatchObject({ count: 1 });
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
    { ...sealed, sealed: null },
    { ...sealed, sealed: {} },
    { ...sealed, sealed: { ...sealed.sealed, more: 'x' } },
    { ...sealed, sealed: { ...sealed.sealed, lines: -1 } },
    { ...sealed, sealed: { ...sealed.sealed, for: [] } },
    { ...sealed, sealed: { ...sealed.sealed, for: ['age1zvkyg2lqzraa2l'] } },
    { ...sealed, sealed: { ...sealed.sealed, for: Array<string>(11).fill('0123456789abcdef') } },
    { ...sealed, stream: 'stdout' },
    { ...sealed, text: 'clear' },
    { ...sealed, text: `${AGE} clear` },
    { ...sealed, text: AGE.padEnd(SEALED_LINE_MAX_BYTES + 1, 'A') },
    { ...sealed, more: 'x' },
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
