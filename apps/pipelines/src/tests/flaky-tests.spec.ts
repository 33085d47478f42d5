import { describe, expect, it } from '@jest/globals';
import { testsOf } from './flaky-tests.js';
import type { RunTests } from './run-tests.projection.js';

const at = (minute: number) => `2030-01-01T00:0${minute}:00.000Z`;

function run(
  id: string,
  commit: string | null,
  failed: string[],
  more: { flaky?: string[]; complete?: boolean; step?: string } = {},
) {
  const names = (list: string[]) => list.map((name) => ({ name, file: 'a.ts' }));
  const { flaky = [], complete = true, step = 'test' } = more;
  const tests = { complete, failed: names(failed), flaky: names(flaky), at: at(Number(id)) };
  const state: RunTests = { pipeline: 'p', commit, steps: { [step]: tests } };
  return { id, state };
}

describe('tests of the latest runs', () => {
  it('are those that failed, most often first, with the newest of them', () => {
    expect(testsOf([run('3', 'c', ['x']), run('2', 'b', ['y', 'x']), run('1', 'a', [])])).toEqual([
      {
        name: 'x',
        step: 'test',
        file: 'a.ts',
        flaky: false,
        failures: 2,
        last_failed_at: at(3),
        last_run_id: '3',
      },
      {
        name: 'y',
        step: 'test',
        file: 'a.ts',
        flaky: false,
        failures: 1,
        last_failed_at: at(2),
        last_run_id: '2',
      },
    ]);
  });

  it.each([
    ['in attempts of one run', [run('1', 'a', [], { flaky: ['x'] })], true],
    ['in runs of one commit', [run('2', 'a', []), run('1', 'a', ['x'])], true],
    ['on one commit and another', [run('2', 'b', []), run('1', 'a', ['x'])], false],
    ['each time', [run('2', 'a', ['x']), run('1', 'a', ['x'])], false],
    [
      'in a run whose list is cut short',
      [run('2', 'a', [], { complete: false }), run('1', 'a', ['x'])],
      false,
    ],
    ['in another step', [run('2', 'a', [], { step: 'other' }), run('1', 'a', ['x'])], false],
    ['without a commit', [run('2', null, []), run('1', null, ['x'])], false],
  ])('that failed and succeeded %s are told as flaky or not', (_, runs, flaky) => {
    expect(testsOf(runs)).toMatchObject([{ name: 'x', flaky }]);
  });

  it('begin with the flaky ones', () => {
    const runs = [run('3', 'c', ['often']), run('2', 'b', ['often'], { flaky: ['odd'] })];
    expect(testsOf(runs).map(({ name }) => name)).toEqual(['odd', 'often']);
  });
});
