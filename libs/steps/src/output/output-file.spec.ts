import { describe, expect, it } from '@jest/globals';
import { parseOutputs } from './output-file.js';

describe('output file', () => {
  it('reads key=value, later lines winning', () => {
    expect(parseOutputs('version=1.2.3\r\n\nurl=http://x/?a=b\nversion=2\nempty=\n')).toEqual({
      version: '2',
      url: 'http://x/?a=b',
      empty: '',
    });
  });

  it('reads values of several lines, which may hold anything but their end', () => {
    expect(parseOutputs('notes<<END\nfirst = 1\n\n  last<<x\nEND\nurl=a<<b\nempty<<E\nE\n')).toEqual({
      notes: 'first = 1\n\n  last<<x',
      url: 'a<<b',
      empty: '',
    });
  });

  it.each([
    ['a<<END\nnever\n', /line 1 .*\(a\) begins a value of several lines that has no end/],
    ['a<<\nb\n', /line 1 .*\(a\) begins/],
    ['a=1\nb<<E\n1\n2\nE\nno sign', /line 6 /],
    ['ok=1\nno sign', /line 2 .* is not key=value/],
    ['1st=x', /line 1 .* has a key/],
    ['=x', /line 1 .* has a key/],
    [`long=${'x'.repeat(8001)}`, /line 1 .*\(long\) is longer than 8000/],
    [`a=${'x'.repeat(8000)}\n`.repeat(13), /line 13 .*\(a\) brings the outputs over 100000/],
    [`a=${'€'.repeat(3000)}\n`.repeat(12), /line 12 .*\(a\) brings the outputs over 100000 bytes/],
    [Array.from({ length: 101 }, (_, index) => `k${index}=v`).join('\n'), /line 101 .* at most 100/],
  ])('names the line that is wrong', (text, message) => {
    expect(() => parseOutputs(text)).toThrow(message);
  });

  it('does not repeat what stands in a bad line', () => {
    expect(() => parseOutputs('hunter22')).not.toThrow(/hunter22/);
  });

  it('keeps keys that objects have of themselves', () => {
    expect(Object.entries(parseOutputs('constructor=a\n__proto__=b'))).toEqual([
      ['constructor', 'a'],
      ['__proto__', 'b'],
    ]);
  });
});
