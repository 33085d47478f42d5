/** A scenario is data: `pipeline.yaml`, what happens to its run and how it must end in `scenario.json`, and `repository/`. */
import type { RetryRun, RunStatus, StepReport, StepStatus } from '@hybrid/contracts';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a run must end. */
export interface Ending {
  status: RunStatus;
  /** By id; every step of the run stands here. Left out: only their number is looked at. */
  steps?: Record<string, StepStatus>;
  step_count?: number;
  exit_codes?: Record<string, number>;
  /** Part of the step's message. */
  messages?: Record<string, string>;
  /** Whole lines of the step's log. */
  log?: Record<string, string[]>;
  /** As `log`, of all instances of a step together, by its name. */
  log_of_name?: Record<string, string[]>;
  not_in_log?: Record<string, string[]>;
  outputs?: Record<string, Record<string, string>>;
  /** Part of the step's report. */
  reports?: Record<string, DeepPartial<StepReport>>;
  /** How often it had failed before. */
  failed_attempts?: Record<string, number>;
  /** Names, or parts of them, of tests that the pipeline's list calls flaky. */
  flaky_tests?: string[];
  /** Decisions of a gate. */
  gate?: Record<string, { decision: string; reason?: string }[]>;
  /** Steps whose results were taken over from the run before; none else were. */
  reused?: string[];
  /** Steps of which never two ran at a time. */
  one_at_a_time?: string[];
  /** It began when the run before it had ended. */
  started_after_this?: boolean;
  /** What the deployed container answers. */
  serves?: string;
}

export interface Action {
  /** Steps by id, with the status that each must have for it to happen. */
  when: Record<string, StepStatus>;
  do: 'cancel' | 'start' | 'approve' | 'reject';
  gate?: string;
  reason?: string;
  inputs?: Record<string, unknown>;
}

export interface Scenario extends Ending {
  inputs?: Record<string, unknown>;
  /** Files of `repository/` that the definition uses. */
  files?: string[];
  /** The run is of a commit of `repository/`. */
  repository?: boolean;
  /** Its steps run in containers; `registry`: it needs one beside. */
  docker?: true | 'registry';
  actions?: Action[];
  /** Of the runs that actions start, in order. */
  others?: Ending[];
  /** What comes after it. */
  then?: Next;
  /** Texts that must stand in no stream, no log and no process output. */
  nowhere?: string[];
  agent_idle_within_seconds?: number;
}

export interface Next extends Ending {
  /** The same pipeline is started anew, with these inputs besides. */
  again?: true | Record<string, unknown>;
  retry?: RetryRun;
  /** The file that `marker` names is there from now on. */
  touch_marker?: boolean;
  then?: Next;
}

type DeepPartial<T> = T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

export interface ScenarioFiles {
  name: string;
  definition: string;
  scenario: Scenario;
  /** By path in the repository. */
  repository: Record<string, string>;
}

const folder = join(import.meta.dirname, '..', 'scenarios');

export const scenarios: ScenarioFiles[] = readdirSync(folder)
  .sort()
  .map((name) => {
    const at = join(folder, name);
    return {
      name,
      definition: readFileSync(join(at, 'pipeline.yaml'), 'utf8'),
      scenario: JSON.parse(readFileSync(join(at, 'scenario.json'), 'utf8')) as Scenario,
      repository: filesIn(join(at, 'repository')),
    };
  });

export function filesIn(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Object.fromEntries(
    files.map(({ name, parentPath }) => {
      const path = join(parentPath, name);
      return [path.slice(directory.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}
