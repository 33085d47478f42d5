import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { type RunEvent, runEvents } from '@hybrid/pipeline';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { evolve, noTests } from './run-tests.projection.js';

const folder = join(import.meta.dirname, '../../../../libs/pipeline/src/runs/golden');
const golden = <T extends RunEvent['type']>(type: T) =>
  JSON.parse(readFileSync(join(folder, `${type}.json`), 'utf8')) as Extract<RunEvent, { type: T }>;

function succeeded(step_id: string, failed: number, listed = failed, flaky = 0): RunEvent {
  const cases = (count: number, name: string) =>
    Array.from({ length: count }, (_, n) => ({ name: `${step_id} ${name} ${n}` }));
  const tests = {
    ...{ total: 1_000, failed, skipped: 0, flaky, seconds: 1 },
    ...{ failures: cases(listed, 'fails'), flaky_tests: cases(flaky, 'is flaky') },
  };
  const { data } = golden('StepSucceeded');
  return { type: 'StepSucceeded', data: { ...data, step_id, report: { tests } } };
}

const folded = (...events: RunEvent[]) =>
  fold({ initial: noTests, evolve }, [golden('RunStarted'), ...events]);

describe('the tests of a run', () => {
  it('are known for each step that reports any', () => {
    expect(folded(golden('StepSucceeded'))).toEqual({
      pipeline: 'web',
      commit: '0123456789abcdef',
      steps: {},
    });
    expect(folded(succeeded('a', 2, 2, 1)).steps).toMatchObject({
      a: {
        complete: true,
        failed: [{ name: 'a fails 0' }, {}],
        flaky: [{ name: 'a is flaky 0', file: null }],
      },
    });
    expect(folded(succeeded('a', 200, 100)).steps).toMatchObject({ a: { complete: false } });
  });

  it('are no more than a row should hold', () => {
    const events = Array.from({ length: 20 }, (_, n) => succeeded(`s${n}`, 100));
    const { steps } = folded(...events);
    expect(Object.values(steps).flatMap(({ failed }) => failed)).toHaveLength(1_000);
    expect(steps['s19']).toMatchObject({ complete: false, failed: [] });
  });

  it('are nothing where the beginning is missing', () => {
    for (const type of Object.keys(runEvents.today) as RunEvent['type'][])
      if (type !== 'RunStarted') expect(evolve(noTests, golden(type))).toBe(noTests);
  });
});
