/** A step as the agent sees it: what it is given, and what it hands back. */
import type { ArtifactRef, ClaimedJob, Source, StepReport } from '@hybrid/contracts';
import type { CachePlace } from './caches/cache-place.js';
import type { ArtifactStore } from './files/artifact-store.js';
import type { Executor, LogStream } from './sandbox/executor.js';
import type { Masker } from './output/masking.js';
import type { Progress } from './output/progress-file.js';
import type { CommitFacts } from './source/commit-facts.js';
import type { SourceSettings } from './source/source-settings.js';
import type { Secrets } from './secrets/secrets.js';

export interface StepResult {
  /** 0 to 255 as the commands ended; -1 when the step could not be run. */
  exitCode: number;
  errorMessage?: string;
  outputs: Record<string, string>;
  artifacts: ArtifactRef[];
  /** Masked and within the contract's limits. */
  report?: StepReport;
}

export interface StepContext {
  job: ClaimedJob;
  /** Absolute path of the checked-out tree on this machine. */
  workspace: string;
  /** Absolute path of an empty folder for whatever must not lie in the workspace. */
  scratch: string;
  /** Puts the source into the workspace and answers its commit; a clone by git unless told. */
  checkOut?: (source: Source, workspace: string) => Promise<string>;
  /** Full SHA of what is checked out; nothing where the job has no source. */
  commit?: string;
  /** What that commit says of itself, where the step type wants to know. */
  commitFacts?: CommitFacts;
  traceparent: string;
  executor: Executor;
  store: ArtifactStore;
  /** Without it nothing is kept between runs. */
  caches?: CachePlace;
  /** Environments that steps may deploy to from here; `*`: any. Left out: none. */
  deployTo?: readonly string[];
  secrets: Secrets;
  /** How sources are had; plainly where it is left out. */
  sources?: SourceSettings;
  masker: Masker;
  /** Adds a line to the job's log, masked. */
  log(stream: LogStream, text: string): void;
  /** Resolves when the log has room again, or the signal aborts: whoever reads output waits for it. */
  logRoom(signal: AbortSignal): Promise<void>;
  /** Best effort; rejects when it was not heard. */
  tellProgress(progress: Progress): Promise<void>;
  /** Aborted with a StepStopped. */
  signal: AbortSignal;
}

/** The step could not be run, or its results could not be used: the message is for the author of the pipeline. */
export class StepProblem extends Error {
  override readonly name = 'StepProblem';
}

/** Why a running step was ended from outside. */
export class StepStopped extends Error {
  constructor(
    readonly why: 'lost' | 'left' | 'timed_out' | 'handed_back',
    message: string,
  ) {
    super(message);
    this.name = 'StepStopped';
  }
}

/** Id under which the job's artifacts are stored. */
export function executionId(job: ClaimedJob): string {
  return job.spec.execution_id ?? job.id;
}
