import { describe, expect, it } from '@jest/globals';
import { reportDefinitionErrors } from './definition-errors.js';

function told(text: string, line: number, column: number, files?: Record<string, string>, file?: string) {
  const notes: string[] = [];
  reportDefinitionErrors({ note: (note) => notes.push(note) }, { file: 'p.yaml', text, files }, [
    { path: '', message: 'wrong', line, column, ...(file && { file }) },
  ]);
  // Where colours are on, as in CI: those of ours alone are taken away.
  // eslint-disable-next-line no-control-regex
  return notes.map((note) => note.replace(/\x1b\[(?:2|22|31|39)m/g, ''));
}

describe('an error of a definition', () => {
  it('is shown with its line, and a caret under its column', () => {
    expect(told('a: 1\nb: 2\n', 2, 4)).toEqual(['p.yaml:2:4: wrong', '   2 │ b: 2', '     │    ^']);
  });
  it('keeps tabs, so that the caret stays under its column', () => {
    expect(told('\ta: x', 1, 5).at(-1)).toBe('     │ \t   ^');
  });
  it('shows of a long line the part that it is about', () => {
    const [, line, caret] = told(`${'x'.repeat(100_000)}!${'y'.repeat(100)}`, 1, 100_001);
    expect(line!.length).toBeLessThan(140);
    expect(line![caret!.indexOf('^')]).toBe('!');
  });
  it('shows nothing that a terminal would obey', () => {
    expect(told('a: \u001b[2J\u0007b', 1, 1)[1]).toBe('   1 │ a: b');
  });
  it('is of the file that it names', () => {
    expect(told('a: 1', 1, 1, { './t.yaml': 'b: 2' }, './t.yaml')).toEqual([
      './t.yaml:1:1: wrong',
      '   1 │ b: 2',
      '     │ ^',
    ]);
  });
  it('is one line where there is no such line', () => {
    expect(told('a: 1', 7, 1)).toEqual(['p.yaml:7:1: wrong']);
  });
});
