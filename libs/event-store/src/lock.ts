/** One active holder per name, by a session lock of PostgreSQL: the lock dies with its connection. */
import type { Pool, PoolClient } from 'pg';

const RETRY_MS = 1_000;

/**
 * Runs `work` while holding the lock, again and again until the signal is aborted: on another machine's failure the
 * next one takes over. What `work` writes through `connection` is fenced: without the lock there is no connection.
 */
export async function whileLocked(
  pool: Pool,
  name: string,
  signal: AbortSignal,
  log: (message: string) => void,
  work: (connection: PoolClient, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  while (!signal.aborted) {
    let connection: PoolClient | undefined;
    const lost = new AbortController();
    const lose = (error: Error) => {
      log(`${name}: the connection to PostgreSQL was lost: ${error.message}`);
      lost.abort();
    };
    try {
      connection = await pool.connect();
      connection.on('error', lose);
      const { rows } = await connection.query<{ locked: boolean }>(
        'select pg_try_advisory_lock(hashtextextended($1, 0)) as locked',
        [name],
      );
      if (rows[0]?.locked) await work(connection, AbortSignal.any([signal, lost.signal]));
    } catch (error) {
      if (!signal.aborted)
        log(`${name}: ${error instanceof Error ? error.message : String(error)}; trying again`);
    } finally {
      connection?.off('error', lose);
      // Ending the session gives the lock back, whatever state the work left it in.
      connection?.release(true);
    }
    if (!signal.aborted) await new Promise((wake) => setTimeout(wake, RETRY_MS));
  }
}
