import { stateTable } from '@hybrid/event-store';
import { type RunEvent, runEvents } from '@hybrid/pipeline';
import type { StepReport } from '@hybrid/contracts';

/** What the tests of a run's steps came to. */
export interface RunTests {
  pipeline: string;
  /** Null: the run has no tests, as far as is known. */
  commit: string | null;
  /** By id of the step's instance. */
  steps: Record<string, StepTests>;
}

export interface StepTests {
  /** Every test that failed at the end of the last attempt is listed. */
  complete: boolean;
  failed: TestName[];
  /** Failed in one attempt, succeeded in another. */
  flaky: TestName[];
  at: string;
}

export interface TestName {
  name: string;
  file: string | null;
}

/** Lists of all steps together: beyond that it is not the single test that has a problem. */
const MAX_TESTS_OF_RUN = 1_000;

export const noTests: RunTests = { pipeline: '', commit: null, steps: {} };

/** `pipelines.run_tests`: of every run what its tests came to; `pipeline` is null where it had none. */
export const runTests = stateTable({
  schema: 'pipelines',
  table: 'run_tests',
  version: 1,
  category: 'run',
  decider: { initial: noTests, events: runEvents, evolve },
  columns: {
    pipeline: {
      type: 'text',
      value: ({ pipeline, steps }) => (Object.keys(steps).length > 0 ? pipeline : null),
    },
  },
  indexes: [['org', 'pipeline', 'created_at desc']],
});

export function evolve(run: RunTests, event: RunEvent): RunTests {
  switch (event.type) {
    case 'RunStarted': {
      const { pipeline, source } = event.data;
      return { ...noTests, pipeline, commit: source?.commit ?? null };
    }
    case 'StepSucceeded':
    case 'StepFailed': {
      const { step_id, report, at } = event.data;
      if (run.pipeline === '' || !report?.tests) return run;
      return { ...run, steps: { ...run.steps, [step_id]: listed(run, report.tests, at) } };
    }
    // What was taken over from another run is that run's.
    default:
      return run;
  }
}

function listed(run: RunTests, tests: NonNullable<StepReport['tests']>, at: string): StepTests {
  const there = Object.values(run.steps).reduce(
    (sum, { failed, flaky }) => sum + failed.length + flaky.length,
    0,
  );
  const room = Math.max(0, MAX_TESTS_OF_RUN - there);
  const names = (cases: { name: string; file?: string }[], most: number) =>
    cases.slice(0, most).map(({ name, file = null }): TestName => ({ name, file }));
  const failed = names(tests.failures, room);
  return {
    complete: tests.total > 0 && failed.length === tests.failed,
    failed,
    flaky: names(tests.flaky_tests, room - failed.length),
    at,
  };
}
