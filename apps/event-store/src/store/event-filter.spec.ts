import { describe, expect, it } from '@jest/globals';
import { BadFilterError, compileFilter } from './event-filter.js';

const event = { stream: 'job-17', type: 'JobClaimed' };

describe('a filter', () => {
  it.each([
    [true, { on: 'stream', regex: '', prefixes: ['run-', 'job-'] }],
    [false, { on: 'stream', regex: '', prefixes: ['ob-', 'JobClaimed'] }],
    [true, { on: 'type', regex: '', prefixes: ['Job'] }],
    [false, { on: 'type', regex: '', prefixes: ['job'] }],
    [true, { on: 'stream', regex: '^job-\\d+$', prefixes: [] }],
    [false, { on: 'stream', regex: '^job-\\d$', prefixes: [] }],
    [true, { on: 'type', regex: 'Claimed|Started', prefixes: [] }],
    [true, { on: 'type', regex: '^[^$].*', prefixes: [] }],
    [true, { on: 'type', regex: '', prefixes: [] }],
  ] as const)('answers %s for %o', (expected, expression) => {
    expect(compileFilter(expression)(event)).toBe(expected);
  });

  it('keeps no state between events', () => {
    const filter = compileFilter({ on: 'stream', regex: 'job', prefixes: [] });
    expect([filter(event), filter(event)]).toEqual([true, true]);
  });

  it('names the regular expression that cannot be compiled', () => {
    const compile = () => compileFilter({ on: 'type', regex: '(?i)job[', prefixes: [] });
    expect(compile).toThrow(BadFilterError);
    expect(compile).toThrow('(?i)job[');
  });
});
