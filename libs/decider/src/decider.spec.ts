import { describe, expect, it } from '@jest/globals';
import { fold, isRejection, reject, type Decider } from './decider.js';

type Word = { type: 'Said' | 'Forgot'; data: { word: string } };

const talk: Pick<Decider<string, never, Word>, 'initial' | 'evolve'> = {
  initial: '>',
  evolve: (state, { type, data }) => (type === 'Said' ? state + data.word : state.replace(data.word, '')),
};
const said = (word: string): Word => ({ type: 'Said', data: { word } });

describe('a fold', () => {
  it('is the initial state where nothing happened', () => {
    expect(fold(talk, [])).toBe('>');
  });

  it('takes the events in order, from anything that can be walked once', () => {
    expect(fold(talk, [said('a'), said('b'), { type: 'Forgot', data: { word: 'a' } }, said('a')])).toBe(
      '>ba',
    );
    expect(fold(talk, new Set([said('a'), said('b')]).values())).toBe('>ab');
  });
});

describe('a decision', () => {
  it('is a rejection only if it says so; no event is a decision too', () => {
    expect(isRejection(reject('no', 'because'))).toBe(true);
    expect(isRejection([])).toBe(false);
    expect(isRejection([said('a')])).toBe(false);
  });

  it('is refused as a conflict unless told otherwise', () => {
    expect(reject('lease_lost', 'too late')).toEqual({
      rejected: 'lease_lost',
      detail: 'too late',
      kind: 'conflict',
    });
    expect(reject('gone', 'no such thing', 'not_found').kind).toBe('not_found');
  });
});
