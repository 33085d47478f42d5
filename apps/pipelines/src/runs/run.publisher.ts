import type { RunStatus, StepChanged, StepStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { type RunEvent, runEvents } from '@hybrid/pipeline';

/** How runs and their steps fare; never definitions, jobs or inputs. */
export const runPublisher: Publisher<RunEvent> = {
  service: 'pipelines',
  prefixes: ['run-'],
  events: runEvents,
  publish: ({ event: stored, thingId: run_id }) => {
    const status = runStatus(stored);
    if (status)
      return { noun: 'run', event: kebab(stored.type), type: 'RunChanged', data: { run_id, status } };
    const { step_id, job_id = null, message = null } = stored.data as Partial<StepChanged>;
    const data: StepChanged = { run_id, step_id: step_id!, status: stepStatus(stored)!, job_id, message };
    return { noun: 'run', event: kebab(stored.type), type: 'StepChanged', data };
  },
};

function runStatus(event: RunEvent): RunStatus | null {
  switch (event.type) {
    case 'RunStarted':
      return 'RUNNING';
    case 'RunSucceeded':
      return 'SUCCEEDED';
    case 'RunFailed':
      return 'FAILED';
    case 'RunCancelled':
      return 'CANCELLED';
    case 'StepQueued':
    case 'StepStarted':
    case 'StepSucceeded':
    case 'StepFailed':
    case 'StepSkipped':
    case 'StepCancelled':
    case 'GatePassed':
    case 'GateRejected':
      return null;
  }
}

function stepStatus(event: RunEvent): StepStatus | null {
  switch (event.type) {
    case 'StepQueued':
      return 'QUEUED';
    case 'StepStarted':
      return 'RUNNING';
    case 'StepSucceeded':
    case 'GatePassed':
      return 'SUCCEEDED';
    case 'StepFailed':
    case 'GateRejected':
      return 'FAILED';
    case 'StepSkipped':
      return 'SKIPPED';
    case 'StepCancelled':
      return 'CANCELLED';
    case 'RunStarted':
    case 'RunSucceeded':
    case 'RunFailed':
    case 'RunCancelled':
      return null;
  }
}

/** `StepQueued` → `step-queued` */
function kebab(type: string): string {
  return type.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '-').toLowerCase();
}
