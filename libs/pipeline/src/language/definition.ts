/**
 * A pipeline as it is run: checked, defaults filled in, durations in seconds. This is what a run's first event holds, so
 * what came after the first version is optional.
 */
import type { CacheSpec, Priority, ServiceSpec } from '@hybrid/contracts';

export interface Definition {
  name: string;
  env: Record<string, string>;
  /** Declared inputs by name. */
  inputs: Record<string, InputDefinition>;
  /** What starts runs by itself. */
  triggers?: Triggers;
  /** Of the run as a whole; clean-up steps may take as long again. */
  timeout_seconds?: number;
  concurrency?: RunConcurrency;
  steps: StepDefinition[];
}

/** Patterns are globs: `release/*`, `**`; a leading `!` takes back. Empty: all. */
export interface Triggers {
  push?: { branches: string[]; tags: string[]; paths: string[] };
  pull_request?: { branches: string[]; paths: string[] };
  /** Cron, five fields, UTC. */
  schedule?: string[];
  /** Runs of these pipelines that succeeded. */
  pipelines?: string[];
}

/** Of the runs whose `group` (a template) comes to the same text only one runs at a time. */
export interface RunConcurrency {
  group: string;
  cancel_in_progress: boolean;
}

export type InputValue = string | number | boolean;

export interface InputDefinition {
  type: 'string' | 'number' | 'boolean';
  required: boolean;
  default?: InputValue;
}

interface StepOfAnyType {
  name: string;
  /** Names of steps. */
  needs: string[];
  /** CEL; null: the step runs when what it needs went well. */
  if: string | null;
  /** Values by name, in the order in which they were written; empty: the step runs once. */
  matrix: Record<string, string[]>;
  /** Where `include` or `exclude` made other combinations than the product of `matrix`: all of them, in order. */
  combinations?: Record<string, string>[];
  /** The step runs so many times, each with its HYBRID_PARALLEL_INDEX (from 0) of HYBRID_PARALLEL_TOTAL. */
  parallel?: number;
  /** Of the instances of a step only so many run at a time. */
  max_parallel?: number;
  /** The first instance that fails cancels the others. */
  fail_fast?: boolean;
  env: Record<string, string>;
  pool: string;
  labels: Record<string, string>;
  priority?: Priority;
  timeout_seconds: number;
  /** It fails when no agent took it for this long. */
  queue_timeout_seconds?: number;
  retry: RetryPolicy;
  continue_on_error: boolean;
  /** Where only these failures are forgiven; `continue_on_error` is true then. */
  forgiven_exit_codes?: number[];
  /** `group` is a template; jobs of all runs that name the same. */
  concurrency?: { group: string; limit: number };
  services?: ServiceSpec[];
  caches?: CacheSpec[];
  /** Globs of JUnit XML files in the workspace. */
  test_reports?: string[];
  /** It may append steps: YAML in the file that HYBRID_STEPS names. */
  dynamic?: boolean;
}

export interface RetryPolicy {
  max_attempts: number;
  backoff_seconds: number;
  backoff_factor?: number;
  max_backoff_seconds?: number;
  /** Only failures with these are tried again. */
  exit_codes?: number[];
}

/** What bounds a container, and what it may do beyond that. */
export interface SandboxConfig {
  /** Bytes. */
  memory?: number;
  /** Cores. */
  cpu?: number;
  pids?: number;
  network?: 'bridge' | 'none';
  user?: string;
  read_only?: boolean;
  /** Folders of the agent's machine, which its own settings must allow. */
  mounts?: { source: string; target: string; read_only: boolean }[];
  /** The engine's socket, which the agent's settings must allow. */
  docker_socket?: boolean;
}

export interface ShellStep extends StepOfAnyType {
  type: 'step.shell_exec';
  config: SandboxConfig & {
    image?: string;
    commands: string[];
    /** `sh` unless told. */
    shell?: 'sh' | 'bash';
    work_dir?: string;
    env: Record<string, string>;
    artifacts_out: { key: string; path: string; retention_days?: number }[];
    artifacts_in: { key: string; dest: string; execution_id?: string }[];
  };
}

/** `uses: docker://image`: a plugin of Woodpecker's and Drone's kind, whose settings arrive as PLUGIN_* variables. */
export interface PluginStep extends StepOfAnyType {
  type: 'step.plugin';
  config: SandboxConfig & {
    image: string;
    /** Objects and lists travel as JSON. */
    settings: Record<string, unknown>;
    env: Record<string, string>;
    artifacts_out: { key: string; path: string; retention_days?: number }[];
    artifacts_in: { key: string; dest: string; execution_id?: string }[];
  };
}

export interface PushStep extends StepOfAnyType {
  type: 'step.artifact_push';
  config: { source_path: string; key: string; dest: 'artifact_store'; retention_days?: number };
}

export interface PullStep extends StepOfAnyType {
  type: 'step.artifact_pull';
  config: {
    source: 'artifact_store' | 'previous_execution';
    execution_id?: string;
    key: string;
    dest: string;
  };
}

export interface GateStep extends StepOfAnyType {
  type: 'step.gate';
  config:
    | { type: 'automatic'; conditions: string[] }
    | {
        type: 'manual';
        /** E-mail addresses or user ids; empty: whoever may approve. */
        approvers: string[];
        required: number;
        timeout_seconds: number | null;
        /** All true: nobody is asked. */
        auto_approve_conditions: string[];
      };
}

export interface DockerBuildStep extends StepOfAnyType {
  type: 'step.docker_build';
  config: {
    context: string;
    dockerfile: string;
    tags: string[];
    build_args: Record<string, string>;
    cache_from: string[];
    target?: string;
    labels: Record<string, string>;
    pull?: boolean;
    no_cache?: boolean;
  };
}

export interface DockerPushStep extends StepOfAnyType {
  type: 'step.docker_push';
  config: {
    image: string;
    /** Host, and path prefix if any; left out: what the image's name says. */
    registry?: string;
    auth_provider: 'basic' | 'aws_ecr' | 'gcp' | 'azure' | 'digitalocean' | 'none';
    /** References to secrets, for `basic`. */
    username?: string;
    password?: string;
    also_as: string[];
  };
}

export interface DockerRunStep extends StepOfAnyType {
  type: 'step.docker_run';
  config: SandboxConfig & {
    image: string;
    command: string[];
    entrypoint?: string[];
    env: Record<string, string>;
    wait_for_exit: boolean;
    work_dir?: string;
  };
}

export interface ScanStep extends StepOfAnyType {
  type: 'step.scan_sast' | 'step.scan_container' | 'step.scan_deps';
  config: {
    /** Which adapter: semgrep, trivy, grype, or any program that writes SARIF with `command`. */
    scanner: string;
    /** Of the scanner; for scan_container `target` is what is scanned. */
    image?: string;
    target?: string;
    source_path?: string;
    rules: string[];
    /** Instead of the adapter's; SARIF on stdout, or in the file that HYBRID_SARIF names. */
    command?: string[];
    fail_on_severity: 'critical' | 'high' | 'medium' | 'low' | 'info' | 'none';
    ignore_unfixed: boolean;
    output_format: 'sarif';
    /** The whole report is stored under it. */
    artifact_key?: string;
  };
}

export interface DeployStep extends StepOfAnyType {
  type: 'step.deploy';
  config: {
    environment: string;
    /** What is deployed; the pipeline's name unless told. */
    service?: string;
    strategy: 'recreate' | 'rolling' | 'blue_green' | 'canary';
    image: string;
    provider: string;
    health_check?: HealthCheck;
    rollback_on_failure: boolean;
    env: Record<string, string>;
    /** The strategy's and the provider's own settings, by their names: `rolling`, `docker`. */
    settings: Record<string, unknown>;
  };
}

export interface HealthCheck {
  path: string;
  port?: number;
  interval_seconds: number;
  timeout_seconds: number;
  healthy_threshold: number;
  /** Checks that may fail in a row before it is given up. */
  unhealthy_threshold: number;
  /** From the start of the container to its first answer. */
  start_period_seconds: number;
}

export type StepDefinition =
  | ShellStep
  | PluginStep
  | PushStep
  | PullStep
  | GateStep
  | DockerBuildStep
  | DockerPushStep
  | DockerRunStep
  | ScanStep
  | DeployStep;

/** A person writes tens; a generator writes hundreds. */
export const MAX_STEPS = 500;
/** Instances of one step. The same bound that others chose. */
export const MAX_MATRIX = 256;
/** Instances of a whole run: each is a job and some events. */
export const MAX_INSTANCES = 1_000;
/** Bytes of the filled-in definition as JSON: it and the first jobs go into one append of at most 1 MiB. */
export const MAX_DEFINITION_BYTES = 300_000;

export const DEFAULT_POOL = 'default';
export const DEFAULT_TIMEOUT_SECONDS = 3600;
/** Jobs' time-outs are bounded by the queue. */
export const MAX_TIMEOUT_SECONDS = 86_400;
export const DEFAULT_BACKOFF_SECONDS = 5;
export const MAX_BACKOFF_SECONDS = 3600;
