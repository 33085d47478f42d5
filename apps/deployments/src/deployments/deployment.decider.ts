/**
 * A deployment, as the agent that does it tells of it.
 *
 *   REQUESTED ──started──► RUNNING ──healthy──► HEALTHY ──► SUCCEEDED
 *       │                   │  ▲                  │
 *       │                   │  └─ another attempt │
 *       ▼                   ▼                     ▼
 *   CANCELLED          FAILED │ ROLLED_BACK │ CANCELLED ──its job is queued again, and started──► RUNNING
 *
 * What comes late or twice leads to no event: messages about its job may.
 */
import type { DeploymentMoment, DeploymentStatus } from '@hybrid/contracts';
import { reject, type Decider, type Rejection } from '@hybrid/decider';
import { deploymentEvents, type DeploymentEvent, type DeploymentRequested } from './deployment.events.js';

export type DeploymentCommand =
  | { type: 'RequestDeployment'; requested: DeploymentRequested }
  | { type: 'RecordStart'; attempt: number; agent_id: string; now: string }
  | { type: 'RecordPhase'; attempt: number; phase: string; now: string }
  | { type: 'RecordAttemptFailure'; attempt: number; message: string | null; now: string }
  | {
      type: 'RecordEnd';
      outcome: 'succeeded' | 'failed' | 'cancelled';
      outputs: Record<string, string>;
      message: string | null;
      now: string;
    };

export interface DeploymentState {
  /** Null: there is no such deployment. */
  status: DeploymentStatus | null;
  requested: DeploymentRequested | null;
  agent_id: string | null;
  /** The latest that has started. */
  attempt: number;
  started_at: string | null;
  completed_at: string | null;
  message: string | null;
  previous_image: string | null;
  /** When its last phase began. */
  phase_at: string | null;
  timeline: DeploymentMoment[];
}

/** The phase that an agent's provider calls so. */
const HEALTHY = 'healthy';
/** An agent tells a handful; a hundred is a fault of somebody. */
const TIMELINE_MAX = 100;

export const deploymentDecider: Decider<DeploymentState, DeploymentCommand, DeploymentEvent> = {
  initial: {
    status: null,
    requested: null,
    agent_id: null,
    attempt: 0,
    started_at: null,
    completed_at: null,
    message: null,
    previous_image: null,
    phase_at: null,
    timeline: [],
  },
  events: deploymentEvents,
  decide,
  evolve,
};

function decide(command: DeploymentCommand, state: DeploymentState): DeploymentEvent[] | Rejection {
  if (command.type === 'RequestDeployment')
    return state.status ? [] : [{ type: 'DeploymentRequested', data: command.requested }];
  if (!state.status) return reject('deployment_not_found', 'there is no such deployment', 'not_found');
  switch (command.type) {
    case 'RecordStart': {
      const { attempt, agent_id, now: at } = command;
      if (attempt <= state.attempt || state.status === 'SUCCEEDED') return [];
      return [{ type: 'DeploymentStarted', data: { attempt, agent_id, at } }];
    }
    case 'RecordPhase': {
      const { attempt, phase, now: at } = command;
      if (!isUnderWay(state) || attempt < state.attempt) return [];
      if (phase === HEALTHY)
        return state.status === 'HEALTHY' ? [] : [{ type: 'DeploymentBecameHealthy', data: { at } }];
      const known = state.phase_at !== null && at <= state.phase_at;
      if (known || state.timeline.length >= TIMELINE_MAX) return [];
      return [{ type: 'DeploymentPhaseReached', data: { phase, at } }];
    }
    case 'RecordAttemptFailure': {
      const { attempt, message, now: at } = command;
      if (!isUnderWay(state) || state.status === 'REQUESTED' || attempt < state.attempt) return [];
      return [{ type: 'DeploymentAttemptFailed', data: { attempt, message, at } }];
    }
    case 'RecordEnd':
      return isUnderWay(state) ? ended(command, state) : [];
  }
}

function isUnderWay({ status }: DeploymentState): boolean {
  return status === 'REQUESTED' || status === 'RUNNING' || status === 'HEALTHY';
}

function ended(
  { outcome, outputs, message, now: at }: Extract<DeploymentCommand, { type: 'RecordEnd' }>,
  state: DeploymentState,
): DeploymentEvent[] {
  const previous_image = outputs['previous_image'] ?? null;
  switch (outcome) {
    case 'succeeded': {
      // An agent's word of it may have been lost: progress is told once.
      const healthy: DeploymentEvent = { type: 'DeploymentBecameHealthy', data: { at } };
      const succeeded: DeploymentEvent = { type: 'DeploymentSucceeded', data: { previous_image, at } };
      return state.status === 'HEALTHY' ? [succeeded] : [healthy, succeeded];
    }
    case 'failed':
      return outputs['deployment_state'] === 'rolled_back'
        ? [{ type: 'DeploymentRolledBack', data: { previous_image, message, at } }]
        : [{ type: 'DeploymentFailed', data: { message, at } }];
    case 'cancelled':
      return [{ type: 'DeploymentCancelled', data: { message, at } }];
  }
}

function evolve(state: DeploymentState, event: DeploymentEvent): DeploymentState {
  if (!state.status && event.type !== 'DeploymentRequested') return state;
  switch (event.type) {
    case 'DeploymentRequested': {
      const begun = { ...deploymentDecider.initial, requested: event.data };
      return moved(begun, 'REQUESTED', event.data.at, null);
    }
    case 'DeploymentStarted': {
      const { attempt, agent_id, at } = event.data;
      const started = { ...state, attempt, agent_id, started_at: state.started_at ?? at, completed_at: null };
      return moved(started, 'RUNNING', at, null);
    }
    case 'DeploymentPhaseReached': {
      const { phase, at } = event.data;
      const told = { ...state, message: phase, phase_at: at };
      return noted(told, { at, status: null, message: phase });
    }
    case 'DeploymentAttemptFailed': {
      const { message, at } = event.data;
      return noted(
        { ...state, message, phase_at: at },
        { at, status: null, message: message ?? 'it is tried again' },
      );
    }
    case 'DeploymentBecameHealthy':
      return moved(state, 'HEALTHY', event.data.at, null);
    case 'DeploymentSucceeded': {
      const { at, previous_image } = event.data;
      return moved({ ...state, previous_image, completed_at: at }, 'SUCCEEDED', at, null);
    }
    case 'DeploymentFailed': {
      const { at, message } = event.data;
      return moved({ ...state, completed_at: at }, 'FAILED', at, message);
    }
    case 'DeploymentRolledBack': {
      const { at, message, previous_image } = event.data;
      return moved({ ...state, previous_image, completed_at: at }, 'ROLLED_BACK', at, message);
    }
    case 'DeploymentCancelled': {
      const { at, message } = event.data;
      return moved({ ...state, completed_at: at }, 'CANCELLED', at, message);
    }
  }
}

function moved(
  state: DeploymentState,
  status: DeploymentStatus,
  at: string,
  message: string | null,
): DeploymentState {
  return noted({ ...state, status, message }, { at, status, message });
}

function noted(state: DeploymentState, moment: DeploymentMoment): DeploymentState {
  return { ...state, timeline: [...state.timeline, moment].slice(0, TIMELINE_MAX) };
}
