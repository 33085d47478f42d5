/** An executor runs one script in a sandbox of its own; which sandbox is all that differs between them. */

export type LogStream = 'stdout' | 'stderr' | 'system';

export interface Script {
  jobId: string;
  attempt: number;
  /** POSIX shell, run by `sh -e`. */
  text: string;
  /** The whole environment that the pipeline gives; the executor adds HYBRID_OUTPUT, HYBRID_PROGRESS and HYBRID_WORKSPACE. */
  env: Record<string, string>;
  /** Absolute path on this machine of the tree to run in. */
  workspace: string;
  /** Absolute path on this machine of a folder outside the workspace. */
  scratch: string;
  /** Where the pipeline believes its workspace to be. */
  workDir: string;
  image?: string;
  network: 'bridge' | 'none';
  /** Called when the script begins, with what reads the file that HYBRID_PROGRESS names. */
  progressFrom(read: () => Promise<string>): void;
}

/** Takes raw output; resolves when more may be read. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>;

/** A script that has ended, with its files still there until `dispose`. */
export interface FinishedScript {
  exitCode: number;
  /** What the exit code alone does not tell, such as a kill for memory. */
  note?: string;
  /** Path on this machine of a copy of `relative` (to the workspace); nothing where there is no such file or folder. */
  collect(relative: string): Promise<string | undefined>;
  /** Text of the file that HYBRID_OUTPUT named. */
  outputs(): Promise<string>;
  dispose(): Promise<void>;
}

export interface Executor {
  readonly name: 'docker' | 'process';
  /** Runs to the end and leaves no process behind. When `signal` aborts everything is killed and its reason is thrown. */
  run(
    script: Script,
    sink: OutputSink,
    log: (text: string) => void,
    signal: AbortSignal,
  ): Promise<FinishedScript>;
  /** Removes what an earlier life of this agent left behind; answers how many things it found. */
  sweep(): Promise<number>;
}
