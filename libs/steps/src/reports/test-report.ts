/** What is told of the tests of a step: how many, and which failed or were flaky. */
import { REPORT_LIST_MAX, type TestCase, type TestReport } from '@hybrid/contracts';
import type { TestOutcome } from './junit.js';

/** Characters; the contract's limits. */
const NAME_MAX = 500;
const MESSAGE_MAX = 2_000;
const SECONDS_MAX = 1_000_000;

/**
 * A test that is there more than once and failed at least once was tried again: it is one test, flaky if its last try
 * succeeded. `tidy` makes texts fit to leave this machine.
 */
export function testReport(outcomes: TestOutcome[], tidy: (text: string) => string): TestReport {
  const tests = new Map<string, TestOutcome[]>();
  for (const outcome of outcomes) {
    const key = JSON.stringify([outcome.file, outcome.suite, outcome.name]);
    const tries = tests.get(key);
    if (tries) tries.push(outcome);
    else tests.set(key, [outcome]);
  }
  const report = { total: 0, failed: 0, skipped: 0, flaky: 0, seconds: 0 };
  const failures: TestCase[] = [];
  const flaky: TestCase[] = [];
  for (const tries of tests.values()) {
    const failed = tries.findLast(({ result }) => result === 'failed');
    const last = tries.at(-1)!;
    const isFlaky = last.result === 'passed' && (failed !== undefined || last.retried);
    report.seconds += tries.reduce((sum, { seconds }) => sum + seconds, 0);
    report.total += failed || isFlaky ? 1 : tries.length;
    if (isFlaky) {
      report.flaky++;
      add(flaky, failed ?? last, tidy);
    } else if (failed) {
      report.failed++;
      add(failures, failed, tidy);
    } else report.skipped += tries.filter(({ result }) => result === 'skipped').length;
  }
  return { ...report, seconds: rounded(report.seconds), failures, flaky_tests: flaky };
}

function add(list: TestCase[], outcome: TestOutcome, tidy: (text: string) => string): void {
  if (list.length === REPORT_LIST_MAX) return;
  const { suite, name, line, seconds } = outcome;
  const [file, message] = [tidy(outcome.file ?? ''), tidy(outcome.message ?? '')];
  const whole = suite === '' || name.startsWith(suite) ? name : `${suite} › ${name}`;
  list.push({
    name: tidy(whole).slice(0, NAME_MAX) || '(no name)',
    ...(file && { file: file.slice(0, NAME_MAX) }),
    ...(line !== undefined && line <= 10_000_000 && { line }),
    ...(message && { message: message.slice(0, MESSAGE_MAX) }),
    seconds: rounded(Math.min(seconds, SECONDS_MAX)),
  });
}

function rounded(seconds: number): number {
  return Math.round(Math.min(seconds, 100_000_000) * 1000) / 1000;
}
