/** An event of the usual size: what the queue stores when a job is enqueued is about this long. */
import { jsonEvent, type JSONEventData } from '@eventstore/db-client';
import { randomUUID } from 'node:crypto';

export const PAYLOAD = {
  data: {
    job_id: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a01',
    pool: 'default',
    priority: 'NORMAL',
    labels: ['linux', 'x64'],
    spec: {
      step: {
        id: 'test',
        name: 'test',
        type: 'step.shell_exec',
        config: { commands: ['npm ci', 'npm test'] },
      },
    },
    execution_id: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a02',
  },
  metadata: {
    org: 'default',
    actor: { type: 'user', id: 'administrator' },
    $correlationId: '0198a7be-2f3c-7d51-9c32-6f1c9d6b5a03',
    version: 1,
  },
};

/** A new event with an id of its own. */
export function payloadEvent(): JSONEventData {
  return jsonEvent({ id: randomUUID(), type: 'JobEnqueued', ...PAYLOAD } as never);
}

/** The bytes of one record, roughly, for the limits of disk and LMDB. */
export const RECORD = Buffer.from(JSON.stringify(PAYLOAD).padEnd(640));
