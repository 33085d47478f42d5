import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { fold } from '@hybrid/decider';
import { goldenEvents } from '@hybrid/testing';
import { deploymentDecider } from './deployment.decider.js';

describe('stored events', () => {
  const golden = goldenEvents(join(import.meta.dirname, 'golden'), deploymentDecider, {
    version: 1,
    digest: 'a9e72c1d27365302',
  });
  const begun = [
    golden('DeploymentRequested'),
    golden('DeploymentStarted'),
    golden('DeploymentPhaseReached'),
  ];

  it('say what was put where, and that it succeeded', () => {
    const ended = [golden('DeploymentBecameHealthy'), golden('DeploymentSucceeded')];
    expect(fold(deploymentDecider, [...begun, ...ended])).toMatchObject({
      status: 'SUCCEEDED',
      requested: { environment: 'production', service: 'web', image: 'registry.example/web:1.4.2' },
      agent_id: 'agent-1',
      started_at: '2030-01-02T03:04:06.000Z',
      completed_at: '2030-01-02T03:04:10.000Z',
      previous_image: 'registry.example/web:1.4.1',
      timeline: [
        { status: 'REQUESTED' },
        { status: 'RUNNING' },
        { status: null, message: 'stopping registry.example/web:1.4.1' },
        { status: 'HEALTHY' },
        { status: 'SUCCEEDED' },
      ],
    });
  });

  it.each([
    ['DeploymentFailed', 'FAILED', 'no provider aws_ecs'],
    ['DeploymentRolledBack', 'ROLLED_BACK', 'Rolled back to'],
    ['DeploymentCancelled', 'CANCELLED', 'the run was cancelled'],
  ])('say that it did not: %s', (type, status, message) => {
    const state = fold(deploymentDecider, [...begun, golden('DeploymentAttemptFailed'), golden(type)]);
    expect(state).toMatchObject({ status, message: expect.stringContaining(message) });
  });
});
