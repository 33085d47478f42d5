import { problem, type ConnectionView } from '@hybrid/contracts';
import { queueReference } from '@hybrid/user-queue';
import { connectionStatus, type ConnectionState } from './connection.decider.js';

export type Backlog = NonNullable<ConnectionView['backlog']>;

/** @throws ProblemError `connection_not_found`. */
export function connectionView(state: ConnectionState, backlog?: Backlog): ConnectionView {
  const { configured, created_at, paused, access } = state;
  if (!configured) throw problem('not_found', 'connection_not_found', 'there is no such connection');
  const { configuration } = configured;
  return {
    connection: configured.connection,
    version: configured.version,
    environment: configuration.environment,
    queue_kind: configuration.queue.kind,
    queue_reference: queueReference(configuration.queue),
    status: connectionStatus(state),
    message: paused ?? access?.message ?? null,
    external_id: configured.external_id,
    backlog: backlog ?? null,
    configuration: configuration,
    created_at: created_at!,
    updated_at: configured.at,
  };
}
