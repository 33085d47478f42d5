import { cpuMs } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { fitsSubject } from './subject-pattern.js';

describe('the subject of a trust rule', () => {
  it.each([
    ['repo:acme/shop', 'repo:acme/shop'],
    ['repo:acme/*', 'repo:acme/shop'],
    ['repo:acme/*', 'repo:acme/'],
    ['repo:acme/*:ref:refs/heads/*', 'repo:acme/shop:ref:refs/heads/main'],
    ['repo:*/shop', 'repo:acme/shop'],
    ['system:serviceaccount:ci:agent-*', 'system:serviceaccount:ci:agent-7'],
    ['*-a*b*-c', 'x-a--b--b-c'],
    ['a*a', 'aa'],
    ['**', 'anything'],
    ['a.c', 'a.c'],
  ])('%s stands for %s', (pattern, subject) => {
    expect(fitsSubject(pattern, subject)).toBe(true);
  });

  it.each([
    ['repo:acme/*', 'repo:acme-evil/x'],
    ['repo:acme/*', 'repo:acme/x/y'],
    ['repo:acme/*', 'repo:acme/x:ref:main'],
    ['repo:acme/*', 'repo:acme'],
    ['repo:acme/*', 'xrepo:acme/shop'],
    ['repo:acme*/shop', 'repo:acme/evil/shop'],
    ['repo:acme/*:ref:refs/heads/main', 'repo:acme/x:evil:ref:refs/heads/main'],
    ['repo:acme/shop:*', 'repo:acme/shop'],
    ['*', 'a:b'],
    ['*', 'a/b'],
    ['a*a', 'a'],
    ['a*b*b', 'ab'],
    ['a.c', 'abc'],
    ['(a|b)', 'a'],
    ['[a-z]*', 'abc'],
    ['\\w*', 'abc'],
    ['repo:acme/shop', 'repo:acme/Shop'],
    ['repo:acme/shop', 'repo:acme/shop\n'],
    ['repo:acme/*', 'repo∶acme/shop'],
    ['', 'a'],
  ])('%s does not stand for %j', (pattern, subject) => {
    expect(fitsSubject(pattern, subject)).toBe(false);
  });

  it('is compared in no time, however many stars it has', () => {
    let fits = true;
    const took = cpuMs(() => (fits = fitsSubject('*a'.repeat(250), `${'a'.repeat(100_000)}b`)));
    expect(fits).toBe(false);
    // A matcher that tries all ways takes longer than the universe has.
    expect(took).toBeLessThan(5_000);
  });
});
