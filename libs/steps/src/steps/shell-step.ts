/** step.shell_exec: commands in a sandbox, then their outputs and artifacts. */
import { randomBytes } from 'node:crypto';
import { pause } from '../sandbox/backoff.js';
import type { FinishedScript, Script } from '../sandbox/executor.js';
import { parseOutputs } from '../output/output-file.js';
import { followProgress } from '../output/progress-file.js';
import { markerLine, OutputLines } from '../output/output-lines.js';
import { ReportCollector } from '../reports/collect-report.js';
import { executionId, StepProblem, StepStopped, type StepContext, type StepResult } from '../step.js';
import { environmentOf, sandboxOf } from './sandbox-config.js';
import { runScript } from './script-run.js';
import { StepConfig } from './step-config.js';

export async function runShellStep(context: StepContext): Promise<StepResult> {
  const config = new StepConfig(context.job.spec.step.config);
  const commands = config.texts('commands');

  const reports = new ReportCollector(context, workDir);
  const finished = await withTimeout(timeout, context.signal, (signal) =>
    runCommands(context, config, commands, workDir, reports, signal),
  );
  try {
    const { exitCode, reached } = finished;
    const report = await reports.collect(finished);
    if (exitCode !== 0) {
      return {
        exitCode,
        errorMessage: failure(exitCode, commands[reached], finished.note),
        outputs: {},
        artifacts: [],
        report,
      };
    }
    const outputs = parseOutputs(await finished.outputs());
    return { exitCode, outputs, artifacts: await storeAll(context, wanted, finished), report };
  } finally {
    await finished.dispose();
  }
}

async function runCommands(
  context: StepContext,
  config: StepConfig,
  commands: string[],
  workDir: string,
  reports: ReportCollector,
  signal: AbortSignal,
): Promise<FinishedScript & { reached: number }> {
  const { job, executor, secrets, masker } = context;
  const nonce = randomBytes(8).toString('hex');
  const resolved = commands.map((command) => secrets.resolveInCommand(command));
  const env = environmentOf(context, config);
  const secretVariables = Object.fromEntries(resolved.flatMap(({ env: needed }) => Object.entries(needed)));
  const over = new AbortController();
  const script: Script = {
    jobId: job.id,
    attempt: job.attempt,
    text: resolved.map(({ command }, index) => `${markerLine(nonce, index)}\n${command}\n`).join(''),
    env: { ...env, ...secretVariables, ...ownVariables(context) },
    workspace: context.workspace,
    scratch: context.scratch,
    workDir,
    image: config.optionalText('image'),
    shell: config.oneOf<'sh' | 'bash'>('shell', ['sh', 'bash'], 'sh'),
    ...sandboxOf(context, config),
    ownFiles: reports.ownFiles,
    progressFrom: (read) => void followProgress(read, context.tellProgress, over.signal),
  };

  let reached = 0;
  const showCommand = (index: number): void => {
    reached = index;
    for (const [number, line] of (commands[index] ?? '').trimEnd().split('\n').entries()) {
      context.log('system', `${number === 0 ? '$' : '>'} ${line}`);
    }
  };
  const emit = (stream: 'stdout' | 'stderr') => (line: string) => {
    context.log(stream, line);
    reports.see(line);
  };
  const streams = {
    stdout: new OutputLines(masker, emit('stdout'), { nonce, reached: showCommand }),
    stderr: new OutputLines(masker, emit('stderr')),
  };
  try {
    const finished = await executor.run(
      script,
      async (stream, chunk) => {
        streams[stream].write(chunk);
        await context.logRoom(signal);
      },
      (text) => context.log('system', text),
      signal,
    );
    return Object.assign(finished, { reached });
  } finally {
    over.abort();
    streams.stdout.end();
    streams.stderr.end();
  }
}

/** What every step may rely on. */
function ownVariables({ job, commit, traceparent }: StepContext): Record<string, string> {
  return {
    CI: 'true',
    HYBRID: 'true',
    HYBRID_RUN_ID: job.run_id ?? '',
    HYBRID_JOB_ID: job.id,
    HYBRID_STEP: job.spec.step.id,
    HYBRID_ATTEMPT: String(job.attempt),
    HYBRID_COMMIT: commit ?? '',
    HYBRID_REF: job.spec.source?.ref ?? '',
    ...(traceparent && { TRACEPARENT: traceparent }),
  };
}

async function storeAll(
  context: StepContext,
  wanted: Map<string, string>,
  finished: FinishedScript,
): Promise<ArtifactRef[]> {
  const stored: ArtifactRef[] = [];
  for (const [key, path] of wanted) {
    const found = await finished.collect(path);
    if (found === undefined) {
      throw new StepProblem(
        `the artifact ${key} cannot be stored: the step left nothing at ${path} in the workspace`,
      );
    }
    const artifact = await context.store.upload(executionId(context.job), key, found);
    context.log(
      'system',
      `stored artifact ${key} (${artifact.size} bytes, sha256 ${artifact.sha256.slice(0, 12)})`,
    );
    stored.push(artifact);
  }
  return stored;
}

/** Runs `work` with a signal that also aborts after `seconds`. */
async function withTimeout<T>(
  seconds: number | undefined,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (seconds === undefined) return work(outer);
  const timer = new AbortController();
  const over = new AbortController();
  pause(seconds * 1000, over.signal).then(
    () => timer.abort(new StepStopped('timed_out', `timed out after ${seconds} s`)),
    () => undefined,
  );
}

function quoted(command: string | undefined): string {
  if (command === undefined) return 'the commands';
  const [line = '', ...more] = command.trim().split('\n');
  return `"${more.length > 0 || line.length > 200 ? `${line.slice(0, 200)} …` : line}"`;
}
