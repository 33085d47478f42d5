/** What the latest runs of a pipeline say of its tests. Pure. */
import type { TestView } from '@hybrid/contracts';
import type { RunTests, StepTests, TestName } from './run-tests.projection.js';

/**
 * Tests that failed or were flaky in these runs, newest run first: the flaky ones first, then by their failures. Flaky:
 * it failed and succeeded on one commit, in attempts of a step or in runs of it. A test that a run does not list among
 * those that failed has succeeded in it, if the list is complete and the step was the same.
 */
export function testsOf(runs: readonly { id: string; state: RunTests }[]): TestView[] {
  const found = new Map<string, TestView>();
  const failedOn = new Map<string, Set<string>>();
  for (const { id, state } of runs) {
    for (const [step, tests] of Object.entries(state.steps)) {
      for (const test of tests.failed) {
        const view = viewOf(found, step, test, id);
        view.failures++;
        view.last_failed_at ??= tests.at;
        const commits = failedOn.get(keyOf(step, test)) ?? new Set();
        if (state.commit !== null) commits.add(state.commit);
        failedOn.set(keyOf(step, test), commits);
      }
      for (const test of tests.flaky) {
        const view = viewOf(found, step, test, id);
        view.flaky = true;
        view.failures++;
        view.last_failed_at ??= tests.at;
      }
    }
  }
  const complete = completeRuns(runs);
  for (const [key, view] of found) {
    if (view.flaky) continue;
    view.flaky = [...(failedOn.get(key) ?? [])].some((commit) =>
      (complete.get(`${view.step}\n${commit}`) ?? []).some((failed) => !failed.has(view.name)),
    );
  }
  return [...found.values()].sort(
    (a, b) => Number(b.flaky) - Number(a.flaky) || b.failures - a.failures || (a.name < b.name ? -1 : 1),
  );
}

/** By step and commit: what failed in each run that tells all that failed. */
function completeRuns(runs: readonly { state: RunTests }[]): Map<string, Set<string>[]> {
  const complete = new Map<string, Set<string>[]>();
  for (const { state } of runs) {
    for (const [step, tests] of Object.entries(state.steps)) {
      if (!tests.complete || state.commit === null) continue;
      const key = `${step}\n${state.commit}`;
      complete.set(key, [...(complete.get(key) ?? []), namesOf(tests)]);
    }
  }
  return complete;
}

function namesOf({ failed }: StepTests): Set<string> {
  return new Set(failed.map(({ name }) => name));
}

function viewOf(found: Map<string, TestView>, step: string, { name, file }: TestName, run: string): TestView {
  const key = keyOf(step, { name });
  const known = found.get(key);
  if (known) return known;
  const view = { name, step, file, flaky: false, failures: 0, last_failed_at: null, last_run_id: run };
  found.set(key, view);
  return view;
}

function keyOf(step: string, { name }: Pick<TestName, 'name'>): string {
  return `${step}\n${name}`;
}
