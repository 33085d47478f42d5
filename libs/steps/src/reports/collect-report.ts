/** What a step tells beside outputs and artifacts: its tests, its annotations, the steps that it appends. */
import type { StepReport } from '@hybrid/contracts';
import { setImmediate } from 'node:timers/promises';
import { visibleControls } from '../output/control-characters.js';
import { DEFAULT_WORK_DIR } from '../files/workspace-path.js';
import type { FinishedScript } from '../sandbox/executor.js';
import { StepProblem, type StepContext } from '../step.js';
import { Annotations, fileName } from './annotations.js';
import { parseJunit, type TestOutcome } from './junit.js';
import { reportFiles } from './report-files.js';
import { testReport } from './test-report.js';

const STEPS = 'HYBRID_STEPS';
/** Bytes: as many characters are the contract's limit, and an event has room for so many bytes. */
const STEPS_MAX = 200_000;
/** Bytes of a report without its steps: with the job's outputs it must fit into one event. */
const REPORT_MAX = 300_000;

export class ReportCollector {
  readonly #annotations: Annotations;

  constructor(
    private readonly context: StepContext,
    private readonly workDir = DEFAULT_WORK_DIR,
  ) {
    this.#annotations = new Annotations(workDir);
  }

  /** Files that the script needs beside its own. */
  get ownFiles(): string[] {
    return this.context.job.spec.dynamic ? [STEPS] : [];
  }

  /** Looks at a masked line of the output. */
  readonly see = (line: string): void => this.#annotations.see(line);

  /** Of a script that has ended, however; nothing where there is nothing to tell. Throws StepProblem for steps that are too long. */
  async collect(finished: FinishedScript): Promise<StepReport | undefined> {
    const { test_reports: patterns, dynamic } = this.context.job.spec;
    const report: StepReport = {};
    if (patterns?.length) {
      const outcomes = await this.#outcomes(patterns, finished);
      if (outcomes) report.tests = testReport(outcomes, (text) => this.#tidy(text));
      if (report.tests) this.#say(report.tests, finished.exitCode);
    }
    const { list, left } = this.#annotations;
    if (list.length > 0) report.annotations = list;
    if (left > 0) this.context.log('system', `${left} more annotation(s) are in this log only`);
    shorten(report);
    if (dynamic && finished.exitCode === 0) {
      const steps = this.context.masker.mask(await finished.ownFile(STEPS));
      if (Buffer.byteLength(steps) > STEPS_MAX)
        throw new StepProblem(`$${STEPS} has more than ${STEPS_MAX} bytes: append fewer steps`);
      if (steps.trim() !== '') report.steps = steps;
    }
    return Object.keys(report).length > 0 ? report : undefined;
  }

  /** Nothing where no report could be read: that is no failure of the step. */
  async #outcomes(patterns: string[], finished: FinishedScript): Promise<TestOutcome[] | undefined> {
    const note = (text: string): void => this.context.log('system', text);
    try {
      const files = await reportFiles(patterns, this.workDir, finished, note);
      const read: TestOutcome[][] = [];
      for (const { path, text } of files) {
        // A large report takes a second; the agent has other jobs.
        await setImmediate();
        try {
          read.push(parseJunit(text));
        } catch (error) {
          note(`the test report ${path} is left out: ${(error as Error).message.slice(0, 200)}`);
        }
      }
      if (read.length === 0) return undefined;
      return read
        .flat()
        .map((one) => ({ ...one, ...(one.file && { file: fileName(one.file, this.workDir) }) }));
    } catch (error) {
      note(`the test reports cannot be read: ${(error as Error).message}`);
      return undefined;
    }
  }

  #say({ total, failed, flaky, skipped }: NonNullable<StepReport['tests']>, exitCode: number): void {
    const parts = [`${total} tests`, `${failed} failed`];
    if (flaky > 0) parts.push(`${flaky} flaky`);
    if (skipped > 0) parts.push(`${skipped} skipped`);
    const despite = failed > 0 && exitCode === 0 ? '; the step succeeds, as its commands did' : '';
    this.context.log('system', `${parts.join(', ')}${despite}`);
  }

  /** Line by line, as a secret may be hidden by what is replaced. */
  #tidy(text: string): string {
    // Of colours nothing is left in a list.
    // eslint-disable-next-line no-control-regex
    const plain = text.replace(/\x1b\[[0-9;:]*m/g, '');
    return this.context.masker
      .mask(plain)
      .split(/\r\n|\n|\r/)
      .map((line) => this.context.masker.mask(visibleControls(line)))
      .join('\n');
  }
}

/** Messages first, then the ends of the lists. */
function shorten(report: StepReport): void {
  const lists: ({ message?: string }[] | undefined)[] = [
    report.tests?.failures,
    report.tests?.flaky_tests,
    report.annotations,
  ];
  const size = (): number => Buffer.byteLength(JSON.stringify(report));
  for (const max of [1_000, 500, 200]) {
    if (size() <= REPORT_MAX) return;
    for (const entry of lists.flatMap((list) => list ?? [])) {
      if (entry.message) entry.message = entry.message.slice(0, max);
    }
  }
  while (size() > REPORT_MAX) for (const list of lists) list?.splice(Math.floor(list.length / 2));
}
