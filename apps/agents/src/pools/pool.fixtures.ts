/** What the queue says of a pool, for specs. */
import type { QueueFigures, QueuePool } from '@hybrid/contracts';

export const noFigures: QueueFigures = {
  ended: 0,
  avg_wait_seconds: 0,
  p95_wait_seconds: 0,
  avg_execution_seconds: 0,
  p95_execution_seconds: 0,
  failure_rate: 0,
};

/** Jobs that take `seconds`; null: none has ended yet. */
export function queuePool(more: Partial<QueuePool> = {}, seconds: number | null = null): QueuePool {
  const figures = seconds === null ? noFigures : { ...noFigures, ended: 10, avg_execution_seconds: seconds };
  return {
    pool: 'gpu',
    queued: 0,
    delayed: 0,
    running: 0,
    completed: 0,
    failed: 0,
    dead_lettered: 0,
    cancelled: 0,
    windows: { '5m': noFigures, '1h': figures, '24h': figures },
    oldest_wait_seconds: null,
    paused: null,
    ...more,
  };
}
