import type { RunStatus, Source } from '@hybrid/contracts';
import { stateTable } from '@hybrid/event-store';
import { expand, type RunEvent, runEvents } from '@hybrid/pipeline';

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
};

/** `pipelines.runs`: every run in short. */
export const runList = stateTable({
  schema: 'pipelines',
  table: 'runs',
  version: 1,
  category: 'run',
  decider: { initial: nothing, events: runEvents, evolve },
  columns: {
    status: { type: 'text', value: (run) => run.status },
    pipeline: { type: 'text', value: (run) => run.pipeline },
  },
  indexes: [['pipeline', 'created_at']],
});

export function evolve(run: ListedRun, event: RunEvent): ListedRun {
  if (!run.status && event.type !== 'RunStarted') return run;
  switch (event.type) {
    case 'RunStarted': {
      const { pipeline, pipeline_version, source, started_by, at, definition } = event.data;
      const steps_total = expand(definition).length;
      return {
        ...nothing,
        status: 'RUNNING',
        pipeline,
        pipeline_version,
        source,
        started_by,
        started_at: at,
        steps_total,
      };
    }
    case 'StepSucceeded':
    case 'GatePassed':
      return { ...run, steps_succeeded: run.steps_succeeded + 1 };
    case 'StepFailed':
    case 'GateRejected':
      return { ...run, steps_failed: run.steps_failed + 1 };
    case 'RunSucceeded':
      return { ...run, status: 'SUCCEEDED', completed_at: event.data.at };
    case 'RunFailed':
      return { ...run, status: 'FAILED', completed_at: event.data.at };
    case 'RunCancelled':
      return { ...run, status: 'CANCELLED', completed_at: event.data.at };
    case 'StepQueued':
    case 'StepStarted':
    case 'StepSkipped':
    case 'StepCancelled':
      return run;
  }
}
