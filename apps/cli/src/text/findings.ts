/** What a run's steps reported beside their results: what a person looks for when a run did not go well. */
import type { Annotation, RunView, ScanReport, StepView, TestCase } from '@hybrid/contracts';
import pc from 'picocolors';
import { approvalsOf, isWaitingGate } from './gate.js';
import { terminalText } from './terminal-text.js';

/** Of each kind and step; the others are counted. */
const SHOWN = 10;
/** Lines of a failed test's message. */
const MESSAGE_LINES = 3;

const plain = (text: string): string => terminalText(text, false);

/** Lines, with a heading for each kind; nothing where there is nothing to tell. */
export function findingsOf(run: RunView): string[] {
  return [
    ...section(
      'gates that wait',
      run.steps.flatMap((step) => waitingGate(run, step)),
    ),
    ...section('failed attempts', run.steps.flatMap(failedAttempts)),
    ...section(
      'failed tests',
      run.steps.flatMap(({ id, report }) => tests(id, report?.tests?.failures, report?.tests?.failed)),
    ),
    ...section(
      'flaky tests',
      run.steps.flatMap(({ id, report }) => tests(id, report?.tests?.flaky_tests, report?.tests?.flaky)),
    ),
    ...section(
      'scans',
      run.steps.flatMap(({ id, report }) => (report?.scan ? scan(id, report.scan) : [])),
    ),
    ...section(
      'annotations',
      run.steps.flatMap(({ id, report }) => annotations(id, report?.annotations)),
    ),
  ];
}

function section(title: string, lines: string[]): string[] {
  return lines.length === 0 ? [] : ['', pc.bold(title), ...lines.map((line) => `  ${line}`)];
}

export function waitingGate(run: Pick<RunView, 'id'>, step: StepView): string[] {
  if (!isWaitingGate(step)) return [];
  const { approvers, expires_at } = step.gate;
  const by = approvers.length > 0 ? ` by ${plain(approvers.join(', '))}` : '';
  return [
    `${plain(step.id)} has ${approvalsOf(step.gate)} approvals${by}${expires_at ? `, until ${expires_at}` : ''}`,
    `  hybrid gate approve ${run.id} ${plain(step.id)}   (or reject; --reason is kept)`,
  ];
}

function failedAttempts({ id, failed_attempts }: StepView): string[] {
  return failed_attempts.map(({ attempt, exit_code, message }) => {
    const why = [
      ...(exit_code !== null ? [`exit code ${exit_code}`] : []),
      ...(message ? [plain(message)] : []),
    ];
    return `${plain(id)}: attempt ${attempt}${why.length > 0 ? `: ${why.join(': ')}` : ''}`;
  });
}

function tests(step: string, cases: TestCase[] = [], total = cases.length): string[] {
  const lines = cases.slice(0, SHOWN).flatMap(({ name, file, line, message }) => {
    const place =
      file === undefined ? '' : pc.dim(` (${plain(file)}${line === undefined ? '' : `:${line}`})`);
    const said = (message ?? '').split('\n').filter((text) => text.trim() !== '');
    return [
      `${plain(step)}: ${plain(name)}${place}`,
      ...said.slice(0, MESSAGE_LINES).map((text) => pc.dim(`    ${plain(text)}`)),
    ];
  });
  return [...lines, ...more(step, total - Math.min(cases.length, SHOWN))];
}

function scan(step: string, { scanner, passed, counts, findings }: ScanReport): string[] {
  const found = Object.entries(counts).flatMap(([severity, count]) =>
    (count as number) > 0 ? [`${count as number} ${severity}`] : [],
  );
  const verdict = passed ? pc.green('passed') : pc.red('failed');
  return [
    `${plain(step)}: ${plain(scanner)} ${verdict}: ${found.length > 0 ? found.join(', ') : 'nothing found'}`,
    ...(passed ? [] : findings.slice(0, SHOWN)).map(({ severity, rule_id, location, line, message }) => {
      const place =
        location === undefined ? '' : ` ${plain(location)}${line === undefined ? '' : `:${line}`}`;
      return `    ${severity} ${plain(rule_id)}${place}: ${plain(message)}`;
    }),
  ];
}

function annotations(step: string, list: Annotation[] = []): string[] {
  const lines = list.slice(0, SHOWN).map(({ level, title, message, file, line, column }) => {
    const place =
      file === undefined
        ? ''
        : ` ${[plain(file), line, column].filter((part) => part !== undefined).join(':')}`;
    const paint = level === 'error' ? pc.red : level === 'warning' ? pc.yellow : pc.cyan;
    return `${plain(step)}: ${paint(level)}${place}: ${title === undefined ? '' : `${plain(title)}: `}${plain(message)}`;
  });
  return [...lines, ...more(step, list.length - lines.length)];
}

function more(step: string, count: number): string[] {
  return count > 0 ? [pc.dim(`${plain(step)}: and ${count} more`)] : [];
}
