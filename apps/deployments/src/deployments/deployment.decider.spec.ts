import { describe, it } from '@jest/globals';
import { given } from '@hybrid/testing';
import { deploymentDecider, type DeploymentCommand } from './deployment.decider.js';
import type { DeploymentEvent, DeploymentRequested } from './deployment.events.js';

const at = '2030-01-02T03:04:05.000Z';
const later = '2030-01-02T03:04:06.000Z';
const requested: DeploymentRequested = {
  environment: 'production',
  service: 'web',
  image: 'web:2',
  strategy: 'recreate',
  provider: 'docker',
  run_id: 'run',
  step_id: 'production',
  pipeline_id: 'web',
  commit: null,
  requested_by: 'ada',
  at,
};
const request: DeploymentCommand = { type: 'RequestDeployment', requested };
const start = (attempt = 1): DeploymentCommand => ({
  type: 'RecordStart',
  attempt,
  agent_id: 'agent',
  now: at,
});
const phase = (name: string, now = later, attempt = 1): DeploymentCommand => ({
  type: 'RecordPhase',
  attempt,
  phase: name,
  now,
});
const attemptFailed: DeploymentCommand = {
  type: 'RecordAttemptFailure',
  attempt: 1,
  message: 'lost',
  now: later,
};
const end = (
  outcome: 'succeeded' | 'failed' | 'cancelled',
  outputs: Record<string, string> = {},
): DeploymentCommand => ({ type: 'RecordEnd', outcome, outputs, message: null, now: later });

const wasRequested: DeploymentEvent = { type: 'DeploymentRequested', data: requested };
const started: DeploymentEvent = { type: 'DeploymentStarted', data: { attempt: 1, agent_id: 'agent', at } };
const healthy: DeploymentEvent = { type: 'DeploymentBecameHealthy', data: { at: later } };
const succeeded: DeploymentEvent = { type: 'DeploymentSucceeded', data: { previous_image: null, at: later } };
const failed: DeploymentEvent = { type: 'DeploymentFailed', data: { message: null, at: later } };
const rolledBack: DeploymentEvent = {
  type: 'DeploymentRolledBack',
  data: { previous_image: 'web:1', message: null, at: later },
};
const cancelled: DeploymentEvent = { type: 'DeploymentCancelled', data: { message: null, at: later } };

const running = [wasRequested, started];

describe('a deployment', () => {
  it('is requested once', () => {
    given(deploymentDecider).when(request).then(wasRequested);
    given(deploymentDecider, wasRequested).when(request).thenNothing();
    given(deploymentDecider, ...running, succeeded)
      .when(request)
      .thenNothing();
  });

  it.each([start(), phase('x'), attemptFailed, end('succeeded')])(
    'that nobody requested is refused: $type',
    (command) => {
      given(deploymentDecider).when(command).thenRejected('deployment_not_found');
    },
  );

  it('starts once for each attempt', () => {
    given(deploymentDecider, wasRequested).when(start()).then(started);
    given(deploymentDecider, ...running)
      .when(start())
      .thenNothing();
    given(deploymentDecider, ...running)
      .when(start(2))
      .thenTypes('DeploymentStarted');
  });

  it('tells each phase of its attempt once, and that it is healthy', () => {
    const reached: DeploymentEvent = {
      type: 'DeploymentPhaseReached',
      data: { phase: 'starting', at: later },
    };
    given(deploymentDecider, ...running)
      .when(phase('starting'))
      .then(reached);
    given(deploymentDecider, ...running, reached)
      .when(phase('starting'))
      .thenNothing();
    given(deploymentDecider, ...running, reached)
      .when(phase('earlier', at))
      .thenNothing();
    given(deploymentDecider, ...running)
      .when(phase('starting', later, 0))
      .thenNothing();
    given(deploymentDecider, ...running)
      .when(phase('healthy'))
      .then(healthy);
    given(deploymentDecider, ...running, healthy)
      .when(phase('healthy'))
      .thenNothing();
    given(deploymentDecider, ...running, succeeded)
      .when(phase('starting'))
      .thenNothing();
    const many = Array.from({ length: 200 }, () => reached);
    given(deploymentDecider, ...running, ...many)
      .when(phase('more', '2031-01-01T00:00:00.000Z'))
      .thenNothing();
  });

  it('tells of an attempt that failed', () => {
    given(deploymentDecider, ...running)
      .when(attemptFailed)
      .thenTypes('DeploymentAttemptFailed');
    given(deploymentDecider, wasRequested).when(attemptFailed).thenNothing();
    const second: DeploymentEvent = { type: 'DeploymentStarted', data: { attempt: 2, agent_id: 'b', at } };
    given(deploymentDecider, ...running, second)
      .when(attemptFailed)
      .thenNothing();
  });

  it('succeeds, and was healthy before', () => {
    given(deploymentDecider, ...running)
      .when(end('succeeded'))
      .then(healthy, succeeded);
    given(deploymentDecider, ...running, healthy)
      .when(end('succeeded'))
      .then(succeeded);
  });

  it('fails, and says whether what ran before runs again', () => {
    given(deploymentDecider, ...running)
      .when(end('failed'))
      .then(failed);
    given(deploymentDecider, ...running)
      .when(end('failed', { deployment_state: 'rolled_back', previous_image: 'web:1' }))
      .then(rolledBack);
    given(deploymentDecider, wasRequested).when(end('failed')).then(failed);
  });

  it('is cancelled, whether it runs or waits', () => {
    given(deploymentDecider, wasRequested).when(end('cancelled')).then(cancelled);
    given(deploymentDecider, ...running)
      .when(end('cancelled'))
      .then(cancelled);
  });

  it.each([succeeded, failed, rolledBack, cancelled])('ends once: $type', (ended) => {
    for (const command of [
      end('succeeded'),
      end('failed'),
      end('cancelled'),
      phase('x'),
      attemptFailed,
      start(),
    ])
      given(deploymentDecider, ...running, ended)
        .when(command)
        .thenNothing();
  });

  it('that did not succeed begins again when its job is queued again', () => {
    for (const ended of [failed, rolledBack, cancelled])
      given(deploymentDecider, ...running, ended)
        .when(start(2))
        .thenTypes('DeploymentStarted');
    given(deploymentDecider, ...running, healthy, succeeded)
      .when(start(2))
      .thenNothing();
  });
});
