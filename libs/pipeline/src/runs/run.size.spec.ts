import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { runDecider } from './run.decider.js';
import { definitionOf, ended, play, runAfter, shell, start } from './run.fixtures.js';

/** The slowest of them takes 16 ms on two quiet cores; a busy machine may be many times slower. */
const LIMIT_MS = 500;

function median(samples: number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)]!;
}

function timed(run: () => unknown): number {
  return median(
    Array.from({ length: 5 }, () => {
      const start = performance.now();
      run();
      return performance.now() - start;
    }),
  );
}

describe('a run of 500 steps', () => {
  const names = Array.from({ length: 500 }, (_, index) => `s${index}`);

  it('is decided quickly when all begin at once and one ends', () => {
    const definition = definitionOf(...names.map((name) => shell(name)));
    expect(timed(() => play(start(definition)))).toBeLessThan(LIMIT_MS);
    const events = play(start(definition));
    const state = runAfter(...events);
    expect(timed(() => runDecider.decide(ended('s7', 'succeeded'), state))).toBeLessThan(LIMIT_MS);
    expect(timed(() => fold(runDecider, events))).toBeLessThan(LIMIT_MS);
  });

  it('is decided quickly when each needs the one before', () => {
    const definition = definitionOf(
      ...names.map((name, index) => shell(name, index === 0 ? [] : [`s${index - 1}`])),
    );
    const commands = names.slice(0, 499).map((name) => ended(name, 'succeeded'));
    const events = play(start(definition), ...commands);
    const state = runAfter(...events);
    expect(timed(() => runDecider.decide(ended('s499', 'succeeded'), state))).toBeLessThan(LIMIT_MS);
    expect(timed(() => fold(runDecider, events))).toBeLessThan(LIMIT_MS);
    expect(
      timed(() => runDecider.decide(ended('s0', 'failed'), runAfter(...play(start(definition))))),
    ).toBeLessThan(LIMIT_MS);
  });
});
