/** Runs a script for a step: its output into the log, its end into a result. */
import type { ArtifactRef, StepReport } from '@hybrid/contracts';
import { restoreCaches } from '../caches/step-caches.js';
import type { Kept } from '../files/artifact-store.js';
import { insideWorkspace } from '../files/workspace-path.js';
import { OutputLines, type Markers } from '../output/output-lines.js';
import { followProgress } from '../output/progress-file.js';
import { parseOutputs } from '../output/output-file.js';
import { ReportCollector } from '../reports/collect-report.js';
import { pause } from '../sandbox/backoff.js';
import type { FinishedScript, Script } from '../sandbox/executor.js';
import { executionId, StepProblem, StepStopped, type StepContext, type StepResult } from '../step.js';
import type { StepConfig } from './step-config.js';

/** What a step type says of its script; the rest is the same for all. */
export type StepScript = Omit<Script, 'jobId' | 'attempt' | 'workspace' | 'scratch' | 'progressFrom'>;

/** Runs to the end, at most as long as `timeout` of the config, and then takes outputs and artifacts from it. */
export async function runScript(
  context: StepContext,
  config: StepConfig,
  script: StepScript,
  how: { markers?: Markers; failure: (exitCode: number) => string },
): Promise<StepResult> {
  const wanted = wantedArtifacts(context, config, script.workDir);
  const caches = await restoreCaches(context, script.workDir);
  const preload = [...(script.preload ?? []), ...caches.preload];
  const reports = new ReportCollector(context, script.workDir);
  const finished = await withTimeout(config.seconds('timeout'), context.signal, (signal) =>
    execute(context, { ...script, preload }, reports, signal, how.markers),
  );
  try {
    const { exitCode, note } = finished;
    const report = withCacheHits(await reports.collect(finished), caches.hits);
    if (exitCode !== 0) {
      const errorMessage = `${how.failure(exitCode)}${note ? `: ${note}` : ''}`;
      return { exitCode, errorMessage, outputs: {}, artifacts: [], report };
    }
    const outputs = parseOutputs(await finished.outputs());
    const artifacts = await storeAll(context, wanted, finished);
    await caches.save(finished);
    return { exitCode, outputs, artifacts, report };
  } finally {
    await finished.dispose();
  }
}

async function execute(
  context: StepContext,
  script: StepScript,
  reports: ReportCollector,
  signal: AbortSignal,
  markers?: Markers,
): Promise<FinishedScript> {
  const { job, masker, executor, workspace, scratch } = context;
  const over = new AbortController();
  const emit = (stream: 'stdout' | 'stderr') => (line: string) => {
    context.log(stream, line);
    reports.see(line);
  };
  const streams = {
    stdout: new OutputLines(masker, emit('stdout'), markers),
    stderr: new OutputLines(masker, emit('stderr')),
  };
  try {
    return await executor.run(
      {
        ...script,
        jobId: job.id,
        attempt: job.attempt,
        untrusted: job.spec.untrusted,
        env: { ...script.env, ...ownVariables(context) },
        workspace,
        scratch,
        ownFiles: [...(script.ownFiles ?? []), ...reports.ownFiles],
        progressFrom: (read) => void followProgress(read, context.tellProgress, over.signal),
      },
      async (stream, chunk) => {
        streams[stream].write(chunk);
        await context.logRoom(signal);
      },
      (text) => context.log('system', text),
      signal,
    );
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

/** What is to be stored, by its key: a path in the workspace, and how long it is kept. */
type Wanted = Map<string, Kept & { path: string }>;

function wantedArtifacts({ job }: StepContext, config: StepConfig, workDir: string): Wanted {
  const artifacts = [...config.artifacts('artifacts_out'), ...(job.spec.artifacts_out ?? [])];
  return new Map(
    artifacts.map(({ key, path, retention_days: retentionDays }) => [
      key,
      { path: insideWorkspace(path, workDir), retentionDays },
    ]),
  );
}

async function storeAll(
  context: StepContext,
  wanted: Wanted,
  finished: FinishedScript,
): Promise<ArtifactRef[]> {
  const stored: ArtifactRef[] = [];
  for (const [key, { path, ...kept }] of wanted) {
    const found = await finished.collect(path);
    if (found === undefined) {
      throw new StepProblem(
        `the artifact ${key} cannot be stored: the step left nothing at ${path} in the workspace`,
      );
    }
    const artifact = await context.store.upload(executionId(context.job), key, found, kept);
    context.log(
      'system',
      `stored artifact ${key} (${artifact.size} bytes, sha256 ${artifact.sha256.slice(0, 12)})`,
    );
    stored.push(artifact);
  }
  return stored;
}

/** Runs `work` with a signal that also aborts after `seconds`. */
export async function withTimeout<T>(
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
  try {
    return await work(AbortSignal.any([outer, timer.signal]));
  } finally {
    over.abort();
  }
}

function withCacheHits(report: StepReport | undefined, hits: string[]): StepReport | undefined {
  return hits.length > 0 ? { ...report, cache_hits: hits } : report;
}
