import { describe, expect, it } from '@jest/globals';
import { between, duration, secondsOf } from './duration.js';
import { table } from './table.js';
import { terminalText } from './terminal-text.js';

describe('a duration', () => {
  it.each([
    [0, '0.0 s'],
    [440, '0.4 s'],
    [9_960, '10 s'],
    [59_600, '1 min 00 s'],
    [185_000, '3 min 05 s'],
    [7_620_000, '2 h 07 min'],
  ])('%i ms reads %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text));

  it.each([
    ['90s', 90],
    ['30m', 1_800],
    ['12h', 43_200],
    ['7d', 604_800],
    ['7', null],
    ['d', null],
    ['-1d', null],
    ['1.5h', null],
    ['1d2h', null],
    ['', null],
  ])('%j that somebody gives is %j seconds', (text, seconds) => expect(secondsOf(text)).toBe(seconds));

  it('is empty while one end is missing', () => expect(between('2026-01-01T00:00:00.000Z', null)).toBe(''));
});

describe('text of a step on a terminal', () => {
  it('keeps colours, and ends them with the line', () =>
    expect(terminalText('\u001b[31mred', true)).toBe('\u001b[31mred\u001b[0m'));
  it('loses colours where there are none', () =>
    expect(terminalText('\u001b[31mred\u001b[0m', false)).toBe('red'));
  it.each([
    ['moves of the cursor', '\u001b[2J\u001b[1;1Hx', 'x'],
    ['titles', '\u001b]0;owned\u0007x', 'x'],
    ['unfinished sequences', 'x\u001b]0;owned', 'x'],
    ['control characters', 'a\u0008\u0007b\u009bc', 'abc'],
    ['what a progress bar wrote before', '10%\r20%\r100%', '100%'],
    ['carriage returns at the end', 'line\r', 'line'],
  ])('loses %s', (_, raw, shown) => expect(terminalText(raw, true)).toBe(shown));
  it('keeps tabs and other alphabets', () => expect(terminalText('a\tü 漢 ✔', true)).toBe('a\tü 漢 ✔'));
});

describe('a table', () => {
  it('aligns columns and pads no line', () =>
    expect(
      table(
        ['A', 'LONG', ''],
        [
          ['abc', 'd', ''],
          ['e', 'f', 'g'],
        ],
      ),
    ).toBe('A    LONG\nabc  d\ne    f     g'));
});
