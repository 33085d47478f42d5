import type { RunStatus, RunSummary, Source, StepStatus } from '@hybrid/contracts';
import { stateTable } from '@hybrid/event-store';
import { expand, runDeadline, type RunEvent, runEvents } from '@hybrid/pipeline';

/** What a list shows of a run; the run itself is read from its stream. */
export interface ListedRun {
  status: RunStatus | null;
  pipeline: string;
  pipeline_version: number;
  source: Source | null;
  started_by: string;
  started_at: string;
  completed_at: string | null;
  steps_total: number;
  steps_succeeded: number;
  steps_failed: number;
  retry_of: string | null;
  message: string | null;
  waits_for?: RunSummary['waits_for'];
  approved_by?: string;
  fork: boolean;
  timeout_seconds: number | null;
  /** When the run, or its cleaning up, must be over. */
  due: string | null;
  /** When nobody may decide any more: by the ids of open gates. */
  gates_due: Record<string, string>;
}

export const nothing: ListedRun = {
  status: null,
  pipeline: '',
  pipeline_version: 0,
  source: null,
  started_by: '',
  started_at: '',
  completed_at: null,
  steps_total: 0,
  steps_succeeded: 0,
  steps_failed: 0,
  retry_of: null,
  message: null,
  fork: false,
  timeout_seconds: null,
  due: null,
  gates_due: {},
};

/** `pipelines.runs`: every run in short, and when the next of its deadlines is. */
export const runList = stateTable({
  schema: 'pipelines',
  table: 'runs',
  version: 3,
  category: 'run',
  decider: { initial: nothing, events: runEvents, evolve },
  columns: {
    status: { type: 'text', value: (run) => run.status },
    pipeline: { type: 'text', value: (run) => run.pipeline },
    // Nothing of it is taken for the pipeline's own.
    fork: { type: 'boolean', value: (run) => String(run.fork) },
    due: { type: 'timestamptz', value: nextDeadline },
  },
  indexes: [['pipeline', 'created_at'], ['due']],
});

/** RFC 3339; null: nothing of the run is to be over by any time. */
export function nextDeadline({ due, gates_due }: ListedRun): string | null {
  const all = [...(due === null ? [] : [due]), ...Object.values(gates_due)];
  return all.length === 0 ? null : all.reduce((first, time) => (time < first ? time : first));
}

export function evolve(run: ListedRun, event: RunEvent): ListedRun {
  if (!run.status && event.type !== 'RunStarted') return run;
  switch (event.type) {
    case 'RunStarted': {
      const { pipeline, pipeline_version, source, started_by, at, definition, retry } = event.data;
      const { timeout_seconds = null } = definition;
      const begun: ListedRun = {
        ...nothing,
        ...{ pipeline, pipeline_version, source, started_by, started_at: at, timeout_seconds },
        status: 'RUNNING',
        steps_total: expand(definition).length,
        retry_of: retry?.of ?? null,
        fork: event.data.fork ?? false,
      };
      return timed(begun, at);
    }
    case 'RunHeld':
      return { ...run, status: 'WAITING', waits_for: 'approval', due: null };
    case 'RunApproved': {
      const { by, at } = event.data;
      return timed({ ...waitingNoMore(run), status: 'RUNNING', approved_by: by }, at);
    }
    case 'RunWaiting':
      return { ...run, status: 'WAITING', waits_for: 'group', due: null };
    case 'RunReleased':
      return timed({ ...waitingNoMore(run), status: 'RUNNING' }, event.data.at);
    case 'RunCancelling': {
      const { reason, at } = event.data;
      return timed({ ...waitingNoMore(run), status: 'CANCELLING', message: reason }, at);
    }
    case 'StepsAppended':
      return { ...run, steps_total: run.steps_total + expand({ steps: event.data.steps }).length };
    case 'StepReused':
      return counted(run, event.data.status);
    case 'StepSucceeded':
      return counted(run, 'SUCCEEDED');
    case 'StepFailed':
      return counted(run, 'FAILED');
    case 'GateOpened': {
      const { step_id, expires_at } = event.data;
      return expires_at === null ? run : { ...run, gates_due: { ...run.gates_due, [step_id]: expires_at } };
    }
    case 'GatePassed':
      return counted(withoutGate(run, event.data.step_id), 'SUCCEEDED');
    case 'GateRejected':
      return counted(withoutGate(run, event.data.step_id), 'FAILED');
    case 'StepCancelled':
      return withoutGate(run, event.data.step_id);
    case 'RunSucceeded':
      return over(run, 'SUCCEEDED', event.data.at);
    case 'RunFailed':
      return over({ ...run, message: event.data.message ?? null }, 'FAILED', event.data.at);
    case 'RunCancelled':
      return over({ ...run, message: event.data.reason }, 'CANCELLED', event.data.at);
    case 'StepQueued':
    case 'StepStarted':
    case 'StepAttemptFailed':
    case 'StepSkipped':
    case 'GateApproved':
    case 'GateRefused':
      return run;
  }
}

function timed(run: ListedRun, since: string): ListedRun {
  const { status, timeout_seconds } = run;
  if (status === null || timeout_seconds === null) return run;
  const cancelling = { reason: '', actor: '', timed_out: false, at: since };
  const definition = { timeout_seconds };
  return { ...run, due: runDeadline({ status, released_at: since, cancelling, definition }) };
}

function waitingNoMore({ waits_for: _, ...run }: ListedRun): ListedRun {
  return run;
}

function counted(run: ListedRun, status: StepStatus): ListedRun {
  if (status === 'SUCCEEDED') return { ...run, steps_succeeded: run.steps_succeeded + 1 };
  return status === 'FAILED' ? { ...run, steps_failed: run.steps_failed + 1 } : run;
}

function withoutGate(run: ListedRun, id: string): ListedRun {
  if (!(id in run.gates_due)) return run;
  const { [id]: _, ...gates_due } = run.gates_due;
  return { ...run, gates_due };
}

function over(run: ListedRun, status: RunStatus, completed_at: string): ListedRun {
  return { ...run, status, completed_at, due: null, gates_due: {} };
}
