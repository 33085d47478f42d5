import { cpuMs } from '@hybrid/testing';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { runDecider } from './run.decider.js';
import { findStepView, messageViewOf } from './run.view.js';
import { definitionOf, ended, play, runAfter, shell, start } from './run.fixtures.js';

/** Of the processor, not of the clock. The slowest of them takes 20 ms on two quiet cores. */
const LIMIT_MS = 500;

function median(samples: number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.floor(samples.length / 2)]!;
}

function timed(run: () => unknown, times = 5): number {
  return median(Array.from({ length: times }, () => cpuMs(run)));
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

  it('is decided quickly when all need the first, and the last needs all', () => {
    const wide = names.slice(0, 498);
    const definition = definitionOf(
      shell('first'),
      ...wide.map((name) => shell(name, ['first'])),
      shell('last', wide),
    );
    const all = () =>
      play(
        start(definition),
        ended('first', 'succeeded'),
        ...wide.map((name) => ended(name, 'succeeded')),
        ended('last', 'succeeded'),
      );
    // 501 messages: less than a millisecond each on two quiet cores.
    let last: string | undefined;
    expect(timed(() => (last = all().at(-1)!.type), 1)).toBeLessThan(10 * LIMIT_MS);
    expect(last).toBe('RunSucceeded');
  });
});

describe('a run of 1,000 steps', () => {
  /** What a message holds, with room for its headers. */
  const MESSAGE_BYTES = 1_000_000;
  const whole = (view: object) => Buffer.byteLength(JSON.stringify(view));

  it('is shown in one message, in short where that must be', () => {
    const numbers = Array.from({ length: 250 }, (_, n) => n).join(', ');
    const names = ['a', 'b', 'c', 'd'];
    const definition = definitionOf(
      ...names.map((name, at) => shell(name, at ? [names[at - 1]!] : [], `matrix: {n: [${numbers}]},`)),
    );
    const small = runAfter(...play(start(definition)));
    expect(small.steps).toHaveLength(1_000);
    expect(whole(messageViewOf(small))).toBeLessThan(MESSAGE_BYTES);
    const outputs = { text: 'x'.repeat(2_000) };
    const message = 'y'.repeat(4_000);
    const large = { ...small, steps: small.steps.map((step) => ({ ...step, outputs, message })) };
    const shown = messageViewOf(large);
    expect(whole(shown)).toBeLessThan(MESSAGE_BYTES);
    expect(shown.in_short).toBe(true);
    expect(shown.steps[251]).toMatchObject({ id: 'b[n=1]', needs: ['a'], outputs: {} });
    expect(findStepView(large, 'b[n=1]')).toMatchObject({ outputs, message });
    expect(findStepView(large, 'b')).toBeUndefined();
  });
});
