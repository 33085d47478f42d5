import type { RunStatus, StepChanged, StepStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { type RunEvent, runEvents } from '@hybrid/pipeline';

/** How runs and their steps fare; never definitions, jobs or inputs. */
export const runPublisher: Publisher<RunEvent> = {
  service: 'pipelines',
  prefixes: ['run-'],
  events: runEvents,
  publish: ({ event: stored, thingId: run_id }) => {
    const runs = runStatus(stored);
    if (runs)
      return { noun: 'run', event: kebab(stored.type), type: 'RunChanged', data: { run_id, status: runs } };
    const status = stepStatus(stored);
    if (!status) return null;
    // The job is another run's.
    if (stored.type === 'StepReused') stored = { ...stored, data: { ...stored.data, job_id: null } };
    const { step_id, job_id = null, message = null } = stored.data as Partial<StepChanged>;
    const data: StepChanged = { run_id, step_id: step_id!, status, job_id, message };
    return { noun: 'run', event: kebab(stored.type), type: 'StepChanged', data };
  },
};

function runStatus(event: RunEvent): RunStatus | null {
  switch (event.type) {
    case 'RunStarted':
    case 'RunApproved':
    case 'RunReleased':
      return 'RUNNING';
    case 'RunHeld':
    case 'RunWaiting':
      return 'WAITING';
    case 'RunCancelling':
      return 'CANCELLING';
    case 'RunSucceeded':
      return 'SUCCEEDED';
    case 'RunFailed':
      return 'FAILED';
    case 'RunCancelled':
      return 'CANCELLED';
    case 'StepReused':
    case 'StepQueued':
    case 'StepStarted':
    case 'StepAttemptFailed':
    case 'StepsAppended':
    case 'StepSucceeded':
    case 'StepFailed':
    case 'StepSkipped':
    case 'StepCancelled':
    case 'GateOpened':
    case 'GateApproved':
    case 'GateRefused':
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
    case 'StepReused':
      return event.data.status;
    case 'GateOpened':
    case 'GateApproved':
    case 'GateRefused':
      return 'WAITING';
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
    // Told of when they lead to something: the next attempt, the steps themselves.
    case 'StepAttemptFailed':
    case 'StepsAppended':
    case 'RunStarted':
    case 'RunHeld':
    case 'RunApproved':
    case 'RunWaiting':
    case 'RunReleased':
    case 'RunCancelling':
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
