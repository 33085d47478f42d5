/** Which text of a step may refer to what. */
import type { StepDefinition } from '../definition.js';

export const RUN_ROOTS = ['Version', 'Branch', 'Commit', 'RunID', 'PreviousExecutionID', 'Inputs'];
/** What keys of artifacts may hold: they must be known before the step runs, and be the same for whoever asks. */
const KEY_ROOTS = [...RUN_ROOTS, 'Matrix'];
const STEP_ROOTS = [...KEY_ROOTS, 'Env', 'Steps'];
export const ALL_ROOTS = [...STEP_ROOTS, 'Secrets'];

export type TextKind =
  /** Stored with the job as it is: no secrets. */
  | 'plain'
  /** The agent puts the secrets in. */
  | 'secret'
  /** Known before the run. */
  | 'key'
  /** May hash files. */
  | 'cache'
  | 'condition'
  /** No template at all. */
  | 'literal';

export const ROOTS: Record<TextKind, string[]> = {
  plain: STEP_ROOTS,
  secret: ALL_ROOTS,
  key: KEY_ROOTS,
  cache: KEY_ROOTS,
  condition: [],
  literal: [],
};

/** A key of the config, and for lists of maps the key in them. */
export function kindOfText(type: StepDefinition['type'], [key, ...rest]: string[]): TextKind {
  const inner = rest.at(-1);
  switch (type) {
    case 'step.shell_exec':
      if (key === 'env' || key === 'commands') return 'secret';
      return (key === 'artifacts_out' || key === 'artifacts_in') && inner === 'key' ? 'key' : 'plain';
    case 'step.plugin':
      if (key === 'env') return 'secret';
      return (key === 'artifacts_out' || key === 'artifacts_in') && inner === 'key' ? 'key' : 'plain';
    case 'step.artifact_push':
      // Read when the step that makes the files starts, which is before this one.
      return 'key';
    case 'step.artifact_pull':
      return key === 'key' ? 'key' : 'plain';
    case 'step.gate':
      return key === 'conditions' || key === 'auto_approve_conditions' ? 'condition' : 'literal';
    case 'step.docker_build':
      return 'plain';
    case 'step.docker_push':
      return key === 'username' || key === 'password' ? 'secret' : 'plain';
    case 'step.docker_run':
      return key === 'env' ? 'secret' : 'plain';
    case 'step.scan_sast':
    case 'step.scan_container':
    case 'step.scan_deps':
      return key === 'artifact_key' || key === 'artifacts_out' ? 'key' : 'plain';
    case 'step.deploy':
      return key === 'env' ? 'secret' : 'plain';
  }
}
