/** `hybrid run logs`: what the steps of a run wrote. */
import type { RunView, StepView } from '@hybrid/contracts';
import pc from 'picocolors';
import type { AttemptLogLine } from './api.js';
import type { CommandContext } from './context.js';
import { CommandError } from './errors.js';
import { EXIT } from './exit-codes.js';
import type { Output } from './output.js';
import { logGroups } from './text/log-groups.js';
import { terminalText } from './text/terminal-text.js';
import { silentAudience, watchToTheEnd } from './watch.command.js';

export interface RunLogsOptions {
  step?: string;
  follow?: boolean;
  timestamps?: boolean;
  search?: string;
}

export async function runLogs(context: CommandContext, id: string, options: RunLogsOptions): Promise<void> {
  const { api, out, logs } = context;
  const first = await api.getRun(id);
  const wanted = stepsNamed(first, options.step);
  const print = linePrinter(out, options, wanted.length > 1);
  if (options.follow) {
    const ids = new Set(wanted.map((step) => step.id));
    const logLine = (step: StepView, line: AttemptLogLine) => ids.has(step.id) && print(step, line);
    return watchToTheEnd(context, id, { ...silentAudience(out.note), logLine });
  }
  for (const step of wanted) {
    if (step.job_id === null) continue;
    for await (const line of logs.stored(step.job_id, options.search)) print(step, line);
  }
}

function linePrinter(out: Output, { timestamps, search }: RunLogsOptions, named: boolean) {
  const groups = new Map<string, ReturnType<typeof logGroups>>();
  const wanted = search?.toLowerCase();
  return (step: StepView, line: AttemptLogLine): void => {
    if (wanted !== undefined && !terminalText(line.text, false).toLowerCase().includes(wanted)) return;
    if (out.format === 'json')
      return void process.stdout.write(`${JSON.stringify({ step: step.id, ...line })}\n`);
    const grouped = groups.get(step.id) ?? logGroups();
    groups.set(step.id, grouped);
    const text = grouped(terminalText(line.text, pc.isColorSupported));
    if (text === undefined) return;
    const before = [...(named ? [`${step.id} │`] : []), ...(timestamps ? [line.time] : [])].join(' ');
    out.line(`${before && pc.dim(`${before} `)}${text}`);
  };
}

/** A name stands for all instances of its matrix. */
function stepsNamed(run: RunView, name: string | undefined): StepView[] {
  const steps = run.steps.filter((step) => name === undefined || step.id === name || step.name === name);
  if (steps.length > 0) return steps;
  const names = run.steps.map((step) => step.id).join(', ');
  throw new CommandError(`run ${run.id} has no step "${name}"; it has ${names}`, EXIT.failed);
}
