/** Shows a run as lines that are only ever added: right for every terminal, for CI logs and for files. */
import type { RunView, StepView } from '@hybrid/contracts';
import pc from 'picocolors';
import type { Output } from '../output.js';
import { between } from '../text/duration.js';
import { findingsOf, waitingGate } from '../text/findings.js';
import { logGroups } from '../text/log-groups.js';
import { paintStatus, stepSign } from '../text/status.js';
import { table } from '../text/table.js';
import { terminalText } from '../text/terminal-text.js';
import type { RunAudience } from './run-watcher.js';

/** Longer names push only their own lines to the right. */
const WIDEST_PREFIX = 28;

export function plainAudience(out: Output): RunAudience {
  let width = 0;
  const attempts = new Map<string, number>();
  const groups = new Map<string, ReturnType<typeof logGroups>>();
  const prefix = (step: StepView) => pc.dim(`${step.id.padEnd(width)} │`);
  return {
    begins(run) {
      width = Math.min(WIDEST_PREFIX, Math.max(0, ...run.steps.map(({ id }) => id.length)));
      // A run of `hybrid exec` is of no stored version.
      const version = run.pipeline_version > 0 ? ` version ${run.pipeline_version}` : '';
      out.line(`${pc.bold(`run ${run.id}`)} of ${run.pipeline}${version}${sourceOf(run)}`);
    },
    runWaits(run) {
      out.line(`${stepSign('WAITING')} ${waitingRun(run)}`);
    },
    stepWaits(step, { detail }) {
      out.line(
        `${stepSign('QUEUED')} ${pc.bold(terminalText(step.id, false))} waits: ${terminalText(detail, false)}`,
      );
      out.line(`  hybrid job explain ${step.job_id}`);
    },
    stepStarted(step) {
      const where = step.agent_id ? pc.dim(` on agent ${step.agent_id}`) : '';
      out.line(`${stepSign('RUNNING')} ${pc.bold(terminalText(step.id, false))} started${where}`);
    },
    gateWaits(run, step) {
      const [first = '', ...others] = waitingGate(run, step);
      out.line(`${stepSign('WAITING')} ${first}`);
      for (const line of others) out.line(line);
    },
    logLine(step, line) {
      if (line.attempt > (attempts.get(step.id) ?? 1))
        out.line(`${prefix(step)} ${pc.yellow(`attempt ${line.attempt}`)}`);
      attempts.set(step.id, line.attempt);
      const grouped = groups.get(step.id) ?? logGroups();
      groups.set(step.id, grouped);
      const text = grouped(terminalText(line.text, pc.isColorSupported));
      if (text === undefined) return;
      out.line(`${prefix(step)} ${line.stream === 'system' ? pc.dim(text) : text}`);
    },
    stepEnded(step) {
      const word = paintStep(wordOf(step), step);
      const time = between(step.started_at, step.completed_at);
      out.line(
        `${step.allowed ? pc.yellow('✘') : stepSign(step.status)} ${pc.bold(step.id)} ${word}${time && pc.dim(` in ${time}`)}${why(step)}`,
      );
    },
    ends(run) {
      out.line();
      out.line(stepTable(run));
      for (const line of findingsOf(run)) out.line(line);
      out.line();
      const time = between(run.created_at, run.completed_at);
      const why = run.message ? `: ${terminalText(run.message, false)}` : '';
      out.line(
        `run ${run.id} ${paintStatus(run.status.toLowerCase(), run.status)}${time && ` in ${time}`}${why}`,
      );
    },
    note: (text) => out.note(pc.yellow(text)),
  };
}

/** Of a run that is WAITING. */
export function waitingRun({ id, waits_for }: RunView): string {
  return waits_for === 'approval'
    ? `the run waits for approval, as its commits come from a fork: hybrid run approve ${id}`
    : 'the run waits for the one before it in its concurrency group';
}

export function stepTable(run: RunView): string {
  const rows = run.steps.map((step) => [
    terminalText(step.id, false),
    wordOf(step),
    between(step.started_at, step.completed_at),
    resultOf(step),
  ]);
  return table(['STEP', 'RESULT', 'TIME', ''], rows, (cell, column, row) => {
    if (row < 0) return pc.dim(cell);
    const step = run.steps[row];
    return column === 1 && step ? paintStep(cell, step) : cell;
  });
}

/** A failure that harms nobody must not look like one that made the run fail. */
function wordOf({ status, allowed }: StepView): string {
  return `${status.toLowerCase()}${allowed ? ' (allowed)' : ''}`;
}

function paintStep(text: string, { status, allowed }: StepView): string {
  return allowed ? pc.yellow(text) : paintStatus(text, status);
}

function resultOf(step: StepView): string {
  if (step.message) return terminalText(step.message, false);
  if (step.reused_from) return `taken over from run ${step.reused_from}`;
  const outputs = Object.entries(step.outputs).map(([key, value]) => `${key}=${terminalText(value, false)}`);
  const artifacts = step.artifacts.map(({ key, size }) => `artifact ${key} (${kilobytes(size)})`);
  return [...artifacts, ...outputs].join(', ');
}

function why(step: StepView): string {
  if (step.status === 'SUCCEEDED') return '';
  const reasons = [
    ...(step.exit_code !== null && step.exit_code > 0 ? [`exit code ${step.exit_code}`] : []),
    ...(step.message ? [terminalText(step.message, false)] : []),
  ];
  return reasons.length > 0 ? `: ${reasons.join(': ')}` : '';
}

function sourceOf({ source }: RunView): string {
  if (!source) return '';
  const commit = source.commit ? ` at ${source.commit.slice(0, 10)}` : '';
  return pc.dim(
    ` · ${terminalText(source.repository, false)}${commit}${source.ref ? ` (${source.ref})` : ''}`,
  );
}

function kilobytes(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : `${(bytes / 1024).toFixed(1)} kB`;
}
