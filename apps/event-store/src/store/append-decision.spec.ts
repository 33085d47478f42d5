import { describe, expect, it } from '@jest/globals';
import { decideAppend, type ExpectedRevision, type StreamFacts } from './append-decision.js';

const ANY: ExpectedRevision = { kind: 'any' };
const NO_STREAM: ExpectedRevision = { kind: 'noStream' };
const EXISTS: ExpectedRevision = { kind: 'streamExists' };
const at = (revision: number): ExpectedRevision => ({ kind: 'revision', revision: BigInt(revision) });

function stream(ids: string[], flags: Partial<StreamFacts> = {}): StreamFacts {
  return {
    last: ids.length - 1,
    ...{ tombstoned: false, softDeleted: false, hasMetadata: false },
    idAt: (revision) => ids[revision],
    revisionOf: (id) => (ids.includes(id) ? ids.indexOf(id) : undefined),
    ...flags,
  };
}

const append = { kind: 'append' };
const wrongVersion = { kind: 'wrongVersion' };
const deleted = { kind: 'deleted' };
const repeat = (last: number) => ({ kind: 'repeat', last });

describe('an append', () => {
  it.each([
    ['any, new stream', ANY, ['x'], stream([]), append],
    ['no stream, new stream', NO_STREAM, ['x'], stream([]), append],
    ['stream exists, new stream', EXISTS, ['x'], stream([]), wrongVersion],
    ['stream exists, only metadata', EXISTS, ['x'], stream([], { hasMetadata: true }), append],
    ['revision 0, new stream', at(0), ['x'], stream([]), wrongVersion],
    ['any, existing stream', ANY, ['x'], stream(['a', 'b']), append],
    ['no stream, existing stream', NO_STREAM, ['x'], stream(['a', 'b']), wrongVersion],
    ['stream exists, existing stream', EXISTS, ['x'], stream(['a', 'b']), append],
    ['the last revision', at(1), ['x'], stream(['a', 'b']), append],
    ['an earlier revision', at(0), ['x'], stream(['a', 'b']), wrongVersion],
    ['a later revision', at(2), ['x'], stream(['a', 'b']), wrongVersion],
    [
      'the largest revision',
      { kind: 'revision', revision: 2n ** 64n - 1n },
      ['x'],
      stream(['a']),
      wrongVersion,
    ],
    ['no events, any', ANY, [], stream(['a']), append],
    ['no events, earlier revision', at(0), [], stream(['a', 'b']), wrongVersion],
  ] as const)('%s', (_name, expected, ids, facts, decision) => {
    expect(decideAppend(expected, ids, facts)).toEqual(decision);
  });

  it.each([
    ['all of it there, at its revision', at(0), ['b', 'c'], repeat(2)],
    ['all of it there, from the start', NO_STREAM, ['a', 'b'], repeat(1)],
    ['all of it there, but elsewhere', at(1), ['b', 'c'], wrongVersion],
    ['some of it there', at(1), ['c', 'x'], wrongVersion],
    ['all of it there, any', ANY, ['b', 'c'], repeat(2)],
    ['all of it there, stream exists', EXISTS, ['b'], repeat(1)],
    ['some of it there, any', ANY, ['c', 'x'], wrongVersion],
    ['the later part of it there, any', ANY, ['x', 'c'], wrongVersion],
  ] as const)('retried with %s', (_name, expected, ids, decision) => {
    expect(decideAppend(expected, ids, stream(['a', 'b', 'c']))).toEqual(decision);
  });

  it.each([
    ['any', ANY, append],
    ['no stream', NO_STREAM, append],
    ['the last revision', at(1), append],
    ['an earlier revision', at(0), wrongVersion],
    ['stream exists', EXISTS, deleted],
  ] as const)('to a soft-deleted stream with %s', (_name, expected, decision) => {
    const facts = stream(['a', 'b'], { softDeleted: true, hasMetadata: true });
    expect(decideAppend(expected, ['x'], facts)).toEqual(decision);
  });

  it.each([ANY, NO_STREAM, EXISTS, at(0)])('to a tombstoned stream is refused (%o)', (expected) => {
    expect(decideAppend(expected, ['a'], stream(['a'], { tombstoned: true }))).toEqual(deleted);
  });
});
