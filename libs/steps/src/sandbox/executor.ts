/** An executor runs one script in a sandbox of its own; which sandbox is all that differs between them. */
import type { ServiceSpec } from '@hybrid/contracts';
import type { SandboxLimits } from './limits.js';

export type LogStream = 'stdout' | 'stderr' | 'system';

export interface Script {
  jobId: string;
  attempt: number;
  /** Shell commands, run by `<shell> -e`; left out where `program` is told. */
  text?: string;
  /** `sh` unless told. */
  shell?: 'sh' | 'bash';
  /** What the image itself starts; only in a container. */
  program?: ImageProgram;
  /** The whole environment that the pipeline gives; the executor adds HYBRID_WORKSPACE and the variables of `ownFiles`. */
  env: Record<string, string>;
  /** Absolute path on this machine of the tree to run in. */
  workspace: string;
  /** Absolute path on this machine of a folder outside the workspace. */
  scratch: string;
  /** Where the pipeline believes its workspace to be. */
  workDir: string;
  image?: string;
  /** The commits come from a fork: images that it names are had without any login of the agent's. */
  untrusted?: boolean;
  network: 'bridge' | 'none';
  /** What bounds the sandbox and what it may do; the defaults of `limits.ts` unless told. */
  limits?: SandboxLimits;
  /** Containers beside the script, their `env` with secrets put in; the script begins when they are ready. */
  services?: ServiceSpec[];
  /** Files and folders of this machine that are copied into the sandbox before the script begins. */
  preload?: Preload[];
  /**
   * Files of ours beside HYBRID_OUTPUT and HYBRID_PROGRESS, empty at the start: the variable that tells the script the
   * path of each, such as HYBRID_STEPS. Read by `FinishedScript.ownFile`.
   */
  ownFiles?: string[];
  /** Called when the script begins, with what reads the file that HYBRID_PROGRESS names. */
  progressFrom(read: () => Promise<string>): void;
}

/** The image's entrypoint and command, where nothing else is told. */
export interface ImageProgram {
  entrypoint?: string[];
  command?: string[];
  /** True: begins in the workspace; false: where the image says. */
  inWorkspace: boolean;
}

export interface Preload {
  /** Absolute path on this machine. */
  from: string;
  /** A path as `FinishedScript.collect` takes it. On the host only what lies in the workspace is copied. */
  to: string;
}

/** Takes raw output; resolves when more may be read. */
export type OutputSink = (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>;

/** A script that has ended, with its files still there until `dispose`. */
export interface FinishedScript {
  exitCode: number;
  /** What the exit code alone does not tell, such as a kill for memory. */
  note?: string;
  /**
   * Path on this machine of a copy of `path`, which is relative to the workspace, absolute in the sandbox, or `~/…` in
   * the home of the sandbox's user; nothing where there is no such file or folder. The copy may be the thing itself.
   */
  collect(path: string): Promise<string | undefined>;
  /** Text of the file that HYBRID_OUTPUT named. */
  outputs(): Promise<string>;
  /** Text of the file that one of `ownFiles` named, up to 2 MiB. */
  ownFile(variable: string): Promise<string>;
  dispose(): Promise<void>;
}

export interface Executor {
  readonly name: 'docker' | 'process' | 'dummy';
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
