import { LOG_LINE_MAX_BYTES as LINE_MAX } from '@hybrid/contracts';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import { seenText } from './control-characters.js';
import { Masker } from './masking.js';
import { markerLine, OutputLines, splitLine } from './output-lines.js';

const NONCE = '00ff00ff00ff00ff';

function linesOf(chunks: (string | Buffer)[], secrets: string[] = [], withMarkers = false): string[] {
  const lines: string[] = [];
  const markers = { nonce: NONCE, reached: (index: number) => void lines.push(`#${index}`) };
  const output = new OutputLines(
    new Masker(secrets),
    (line) => lines.push(line),
    withMarkers ? markers : undefined,
  );
  for (const chunk of chunks) output.write(Buffer.from(chunk as string));
  output.end();
  return lines;
}

describe('output lines', () => {
  it('cuts at line breaks of every kind, and keeps empty lines', () => {
    expect(linesOf(['one\ntwo\r\n\nfo', 'ur\r', '\nfive\rsix'])).toEqual([
      'one',
      'two',
      '',
      'four',
      'five',
      'six',
    ]);
  });

  it('puts characters together that a chunk cut apart', () => {
    const bytes = Buffer.from('grün 😀\n');
    expect(linesOf([...bytes].map((byte) => Buffer.from([byte])))).toEqual(['grün 😀']);
  });

  it('keeps tabs and colours, and shows other control characters as U+FFFD', () => {
    expect(linesOf(['\u001b[1;31mred\u001b[0m\ttab\n'])).toEqual(['\u001b[1;31mred\u001b[0m\ttab']);
    expect(linesOf(['a\u0000b\u001b[2Kc\u001b]0;title\u0007d\u009b1Ae\u0008\n'])).toEqual([
      'a�b�[2Kc�]0;title�d�1Ae�',
    ]);
  });

  it('keeps a colour that a chunk cut apart', () => {
    expect(linesOf(['x\u001b', '[3', '1my'])).toEqual(['x\u001b[31my']);
  });

  it('masks a secret across chunks, and across the place where a long line is split', () => {
    expect(linesOf(['my hun', 'ter', '22 is\n'], ['hunter22'])).toEqual(['my *** is']);
    const lines = linesOf(['x'.repeat(LINE_MAX - 4) + 'hunt', 'er22' + 'y'.repeat(100)], ['hunter22']);
    expect(lines.join('')).toBe('x'.repeat(LINE_MAX - 4) + '***' + 'y'.repeat(100));
  });

  it('splits lines of more than 16 KiB, never inside a character', () => {
    const pieces = splitLine('é😀'.repeat(10_000));
    expect(pieces.join('')).toBe('é😀'.repeat(10_000));
    for (const piece of pieces) {
      expect(Buffer.byteLength(piece)).toBeLessThanOrEqual(LINE_MAX);
      expect(Buffer.from(piece).toString('utf8')).toBe(piece);
    }
  });

  it('reports the markers that the shell writes, also after an unfinished line', () => {
    const script = `${markerLine(NONCE, 0)}\nprintf unfinished\n${markerLine(NONCE, 1)}\necho done`;
    const output = execFileSync('sh', ['-c', script]);
    expect(linesOf([output], [], true)).toEqual(['#0', 'unfinished', '#1', 'done']);
    expect(
      linesOf(
        [...output].map((byte) => Buffer.from([byte])),
        [],
        true,
      ),
    ).toEqual(['#0', 'unfinished', '#1', 'done']);
  });

  it('takes a marker with another nonce for ordinary output', () => {
    expect(linesOf(['\u001e1111:0\u001e\n'], [], true)).toEqual(['�1111:0�']);
  });

  it('gives the same lines and hides the secret, whatever the chunks', () => {
    const part = fc.constantFrom(
      'hunter22',
      'hunter',
      '22',
      '\n',
      '\r',
      '\r\n',
      '\u001b[31m',
      '\u001b',
      'é😀',
      'x'.repeat(9000),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 12 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(''));
        const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].sort(
          (a, b) => a - b,
        );
        const chunks = places.map((to, index) => bytes.subarray(places[index - 1] ?? 0, to));
        const lines = linesOf(chunks, ['hunter22']);
        expect(lines.join('\n')).not.toContain('hunter22');
        expect(lines.join('')).toBe(linesOf([bytes], ['hunter22']).join(''));
      }),
    );
  });

  it('hides any secret in any form, whatever stands in between and however it is cut', () => {
    const secret = fc
      .string({ unit: 'grapheme', minLength: 6, maxLength: 40 })
      .map((text) => `s${text}3cr3t`);
    const form = fc.constantFrom<(value: string) => string>(
      (value) => value,
      (value) => JSON.stringify({ value }),
      (value) => JSON.stringify(JSON.stringify({ value })),
      (value) => `https://x/?q=${encodeURIComponent(value)}`,
      (value) => new URLSearchParams({ value }).toString(),
      (value) => Buffer.from(value).toString('base64'),
      (value) => Buffer.from(`u:${value}`).toString('base64url'),
      (value) => Buffer.from(`us:${value}`).toString('base64').replace(/.{20}/g, '$&\n'),
      (value) => value.replace(/./gu, '$&\u001b[31m'),
      (value) => value.replace(/./gu, '\u0000$&\u001b[2K'),
    );
    fc.assert(
      fc.property(
        secret,
        fc.array(form, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat()),
        (value, forms, cuts) => {
          const visible = seenText(value).text;
          const text = forms.map((embed) => `before ${embed(visible)} after`).join('\n');
          const bytes = Buffer.from(text);
          const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1))), bytes.length].sort(
            (a, b) => a - b,
          );
          const lines = linesOf(
            places.map((to, index) => bytes.subarray(places[index - 1] ?? 0, to)),
            [visible],
          );
          const seen = lines.map((line) => seenText(line).text.replaceAll('\ufffd', '')).join('\n');
          const encoded = Buffer.from(visible).toString('base64').slice(0, 8);
          for (const clear of [
            visible,
            JSON.stringify(visible).slice(1, -1),
            encodeURIComponent(visible),
            encoded,
          ])
            expect(seen).not.toContain(clear);
          expect(lines[0]).toMatch(/^before .*\*\*\*/);
          expect(lines.at(-1)).toMatch(/ after$/);
        },
      ),
    );
  });

  it('masks what the step registers from then on, on both streams, and shows no form of it', () => {
    const masker = new Masker([]).child();
    const lines: string[] = [];
    const [out, err] = [0, 1].map(() => new OutputLines(masker, (line) => lines.push(line)));
    out?.write(Buffer.from('token-123\n::add-mask::tok'));
    out?.write(Buffer.from('en-123%0Asecond line\n'));
    err?.write(Buffer.from('token-123, second line\n'));
    expect(lines).toEqual(['token-123', '::add-mask::***', '***, ***']);
  });

  it('takes 10 MB without a line break in proportion to its length', () => {
    const output = new OutputLines(new Masker(['hunter22']), (line) => (length += line.length));
    let length = 0;
    const chunk = Buffer.from('a\u001b[31m'.repeat(10_000));
    for (let sent = 0; sent < 10_000_000; sent += chunk.length) output.write(chunk);
    output.end();
    expect(length).toBeGreaterThanOrEqual(10_000_000);
  });
});
