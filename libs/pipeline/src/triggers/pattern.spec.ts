import { describe, expect, it } from '@jest/globals';
import { cpuMs, specSeed } from '@hybrid/testing';
import fc from 'fast-check';
import picomatch from 'picomatch';
import { matches, mostSteps } from './pattern.js';

describe('patterns', () => {
  it.each([
    [[], 'anything', true],
    [['main'], 'main', true],
    [['main'], 'maintenance', false],
    [['release/*'], 'release/1.2', true],
    [['release/*'], 'release/1/2', false],
    [['release/**'], 'release/1/2', true],
    [['**'], '.github/workflows/a.yaml', true],
    [['**/*.md'], 'README.md', true],
    [['**/*.md'], 'docs/a/b.md', true],
    [['docs/**/*.md'], 'docs/b.md', true],
    [['v[0-9].?'], 'v1.2', true],
    [['{fix,feature}/*'], 'feature/x', true],
    [['{fix,feature}/*'], 'chore/x', false],
    [['\\*'], '*', true],
    [['!docs/**'], 'src/a.ts', true],
    [['!docs/**'], 'docs/a.md', false],
    [['docs/**', '!docs/old/**'], 'docs/old/a.md', false],
    [['**', '!docs/**', 'docs/api/**'], 'docs/api/a.md', true],
    [['!**'], 'main', false],
  ])('%j and %s: %s', (patterns, text, expected) => expect(matches(patterns, text)).toBe(expected));

  it('are what globs are elsewhere', () => {
    const glob = fc.stringMatching(
      /^(\*\*\/|[ab]\/|\*\/){0,2}([ab.]|\*[ab]|\?|\[ab\]|\{a,b\}){1,4}(\/\*\*)?$/,
    );
    fc.assert(
      fc.property(glob, fc.stringMatching(/^[ab.]{1,3}(\/[ab.]{1,3}){0,3}$/), (one, text) => {
        // Names of dots alone are folders to others, and nothing that a repository has.
        fc.pre(!text.split('/').some((name) => /^\.+$/.test(name)) && !/(^|\/)\.+(\/|$)/.test(one));
        expect(matches([one], text)).toBe(picomatch.isMatch(text, one, { dot: true }));
      }),
      { seed: specSeed(), numRuns: 2_000 },
    );
  });

  it('end soon, whatever somebody calls a branch', () => {
    const hostile = `${'a*'.repeat(100)}b`;
    expect(matches([hostile, `${'**/a*'.repeat(50)}b`], 'a/a'.repeat(80))).toBe(false);
    expect(matches(['{a,b}'.repeat(50)], 'a'.repeat(50))).toBe(false);
    const worst = `${'{*,?*}'.repeat(6)}${'?*'.repeat(231)}b`;
    expect(stepsOf([worst], 'a'.repeat(480))).toBeLessThan(3_000_000);
    const commas = `${'{a,b}'.repeat(6)}{${','.repeat(450)}`;
    const took = cpuMs(() => {
      for (let turn = 0; turn < 10; turn++) matches([`${turn}${commas}`], 'a');
    });
    expect(took).toBeLessThan(2_500);
  });

  it('take no more steps than is said beforehand', () => {
    const glob = fc.stringMatching(
      /^!?(\*\*\/|[ab]\/|\*\/){0,3}([ab]|\*|\?|\[ab\]|\{a,b\}|\{\*,b\}){1,8}(\/\*\*)?$/,
    );
    fc.assert(
      fc.property(fc.array(glob, { maxLength: 3 }), fc.stringMatching(/^[ab/]{0,60}$/), (patterns, text) => {
        expect(stepsOf(patterns, text)).toBeLessThanOrEqual(mostSteps(patterns, text.length));
      }),
      { seed: specSeed(), numRuns: 2_000 },
    );
  });

  it('stop where they may take no more', () => {
    const work = { left: 1_000 };
    expect(matches([`${'*a'.repeat(100)}b`, '**'], 'a'.repeat(400), work)).toBe(false);
    expect(work.left).toBeLessThan(0);
    expect(work.left).toBeGreaterThan(-300);
  });
});

function stepsOf(patterns: string[], text: string): number {
  const work = { left: Number.MAX_SAFE_INTEGER };
  matches(patterns, text, work);
  return Number.MAX_SAFE_INTEGER - work.left;
}
