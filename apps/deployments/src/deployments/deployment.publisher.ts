import type { DeploymentChanged, DeploymentStatus } from '@hybrid/contracts';
import type { Publisher } from '@hybrid/event-store';
import { deploymentEvents, type DeploymentEvent } from './deployment.events.js';

/** What others see of a deployment: how it fares. */
export const deploymentPublisher: Publisher<DeploymentEvent> = {
  service: 'deployments',
  prefixes: ['deployment-'],
  events: deploymentEvents,
  publish: ({ event, thingId }) => {
    const [name, status, message] = see(event);
    const data: DeploymentChanged = { deployment_id: thingId, status, message };
    return { noun: 'deployment', event: name, type: 'DeploymentChanged', data };
  },
};

function see(event: DeploymentEvent): [name: string, status: DeploymentStatus, message: string | null] {
  switch (event.type) {
    case 'DeploymentRequested':
      return ['requested', 'REQUESTED', null];
    case 'DeploymentStarted':
      return ['started', 'RUNNING', null];
    case 'DeploymentPhaseReached':
      return ['phase-reached', 'RUNNING', event.data.phase];
    case 'DeploymentAttemptFailed':
      return ['attempt-failed', 'RUNNING', event.data.message];
    case 'DeploymentBecameHealthy':
      return ['became-healthy', 'HEALTHY', null];
    case 'DeploymentSucceeded':
      return ['succeeded', 'SUCCEEDED', null];
    case 'DeploymentFailed':
      return ['failed', 'FAILED', event.data.message];
    case 'DeploymentRolledBack':
      return ['rolled-back', 'ROLLED_BACK', event.data.message];
    case 'DeploymentCancelled':
      return ['cancelled', 'CANCELLED', event.data.message];
  }
}
