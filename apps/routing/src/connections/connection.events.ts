/** The facts of stream `connection-<uuid v5 of organisation and name>`. */
import type { ConnectionStatus } from '@hybrid/contracts';
import type { EventTypes } from '@hybrid/decider';
import type { NetZero } from '@hybrid/net-zero';

export type ConnectionEvent =
  | { type: 'ConnectionConfigured'; data: ConnectionConfigured }
  | { type: 'ConnectionPaused'; data: { reason: string; at: string } }
  | { type: 'ConnectionResumed'; data: { at: string } }
  | { type: 'ConnectionAccessFound'; data: AccessFound & { at: string } }
  | { type: 'ConnectionDeleted'; data: { at: string } };

export const connectionEvents: EventTypes<ConnectionEvent> = {
  today: {
    ConnectionConfigured: true,
    ConnectionPaused: true,
    ConnectionResumed: true,
    ConnectionAccessFound: true,
    ConnectionDeleted: true,
  },
};

/** The control plane's part of a net-zero configuration, as it was read. */
export type ControlPlanePart = Omit<NetZero, 'relay'>;

export interface ConnectionConfigured {
  connection: string;
  version: number;
  configuration: ControlPlanePart;
  /** What the queue's owner enters where roles of AWS are used. */
  external_id: string;
  at: string;
}

/** What a look at the queue showed. */
export interface AccessFound {
  status: Extract<ConnectionStatus, 'CONNECTED' | 'REFUSED' | 'UNREACHABLE'>;
  /** A QueueProblem, `may_send`, or `not_allowed_here`; null where all is as it should be. */
  code: string | null;
  message: string | null;
}
