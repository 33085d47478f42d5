/** The facts of stream `deployment-<id>`; the id is that of the job that does it. */
import type { EventTypes } from '@hybrid/decider';

export interface DeploymentRequested {
  environment: string;
  service: string;
  image: string;
  strategy: string;
  provider: string;
  run_id: string | null;
  step_id: string;
  pipeline_id: string | null;
  commit: string | null;
  requested_by: string;
  at: string;
}

export type DeploymentEvent =
  | { type: 'DeploymentRequested'; data: DeploymentRequested }
  | { type: 'DeploymentStarted'; data: { attempt: number; agent_id: string; at: string } }
  | { type: 'DeploymentPhaseReached'; data: { phase: string; at: string } }
  /** An attempt failed, and another follows. */
  | { type: 'DeploymentAttemptFailed'; data: { attempt: number; message: string | null; at: string } }
  | { type: 'DeploymentBecameHealthy'; data: { at: string } }
  | { type: 'DeploymentSucceeded'; data: { previous_image: string | null; at: string } }
  | { type: 'DeploymentFailed'; data: { message: string | null; at: string } }
  | {
      type: 'DeploymentRolledBack';
      data: { previous_image: string | null; message: string | null; at: string };
    }
  | { type: 'DeploymentCancelled'; data: { message: string | null; at: string } };

export const deploymentEvents: EventTypes<DeploymentEvent> = {
  today: {
    DeploymentRequested: true,
    DeploymentStarted: true,
    DeploymentPhaseReached: true,
    DeploymentAttemptFailed: true,
    DeploymentBecameHealthy: true,
    DeploymentSucceeded: true,
    DeploymentFailed: true,
    DeploymentRolledBack: true,
    DeploymentCancelled: true,
  },
};
