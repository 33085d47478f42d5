/**
 * One active holder per name, by a session lock of PostgreSQL. The lock dies with its connection, and PostgreSQL ends
 * the connection of a holder that falls silent: a process that was stopped, or cut off, keeps nothing from the others.
 */
import type { Reach } from '@hybrid/messaging';
import type { Pool, PoolClient } from 'pg';

const RETRY_MS = 1_000;
/** Long enough for a busy machine, short enough that nobody waits for long when a machine is gone. */
const SILENCE_MS = 15_000;
/** Of a silence: how often the holder speaks, and after how much of it without an answer it counts itself out. */
const BEAT = 1 / 5;
const FENCE = 2 / 3;
/** `current transaction is aborted`: the work's failure, and an answer all the same. */
const IN_FAILED_TRANSACTION = '25P02';

/**
 * What is done under the lock. What it writes through `connection` is fenced: without the lock there is no connection.
 * Whatever has effects elsewhere asks `stillHeld` right before each: a process that was stopped finds out there, before
 * `signal` can be aborted. It reads this machine's monotonic clock: where that stands still with a paused machine, an
 * effect may still come late, and must be harmless.
 */
export type Locked = (connection: PoolClient, signal: AbortSignal, stillHeld: () => boolean) => Promise<void>;

export interface LockOptions {
  silenceMs?: number;
  reach?: Reach;
}

/**
 * Runs `work` while holding the lock, again and again until the signal is aborted: on another machine's failure the
 * next one takes over, at the latest after `silenceMs` and a second.
 * @param reach where the work needs more than PostgreSQL: the lock is left to others while this process is cut off.
 */
export async function whileLocked(
  pool: Pool,
  name: string,
  signal: AbortSignal,
  log: (message: string) => void,
  work: Locked,
  { silenceMs = SILENCE_MS, reach }: LockOptions = {},
): Promise<void> {
  let cutOff = new AbortController();
  reach?.watch((reached) => {
    if (reached) cutOff = new AbortController();
    else cutOff.abort();
  });
  while (!signal.aborted) {
    try {
      const cut = cutOff.signal;
      const connection = cut.aborted ? undefined : await pool.connect();
      if (connection && (await acquire(connection, name, silenceMs)))
        await hold(connection, name, AbortSignal.any([signal, cut]), log, work, silenceMs);
    } catch (error) {
      if (!signal.aborted) log(`${name}: ${text(error)}; trying again`);
    }
    if (!signal.aborted) await pause(RETRY_MS, signal);
  }
}

/**
 * Lock and time limits in one statement: there is no moment at which a holder could stop and be waited for for ever.
 * Gives the connection back where somebody else has the lock.
 */
async function acquire(connection: PoolClient, name: string, silenceMs: number): Promise<boolean> {
  let locked = false;
  let failure: Error | undefined;
  try {
    const { rows } = await connection.query<{ locked: boolean }>(
      `with lock as materialized (select pg_try_advisory_lock(hashtextextended($1, 0)) as locked)
       select locked, case when locked then set_config('idle_session_timeout', $2, false) end,
         case when locked then set_config('idle_in_transaction_session_timeout', $2, false) end from lock`,
      [name, `${silenceMs}ms`],
    );
    locked = rows[0]!.locked;
    return locked;
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    if (!locked) connection.release(failure);
  }
}

async function hold(
  connection: PoolClient,
  name: string,
  signal: AbortSignal,
  log: (message: string) => void,
  work: Locked,
  silenceMs: number,
): Promise<void> {
  const lost = new AbortController();
  let released = false;
  const release = () => {
    // Ending the session gives the lock back, whatever state the work left it in, and fails a query that hangs.
    if (!released) connection.release(true);
    released = true;
  };
  const lose = (reason: string) => {
    if (lost.signal.aborted) return;
    if (!released) log(`${name}: the lock is lost: ${reason}`);
    lost.abort();
    release();
  };
  // Never taken off: this connection is not used again, and an error of its end is nobody's.
  connection.on('error', (error: Error) => lose(error.message));

  // PostgreSQL counts from when it answered, which is later than when the question was sent.
  let heard = performance.now();
  const stillHeld = () => !released && performance.now() - heard < silenceMs * FENCE;
  let asking = false;
  const beat = async () => {
    if (!stillHeld()) return lose(`PostgreSQL did not answer for ${silenceMs * FENCE} ms`);
    if (asking) return;
    asking = true;
    const asked = performance.now();
    try {
      await connection.query('select 1');
      heard = asked;
    } catch (error) {
      if ((error as { code?: string }).code === IN_FAILED_TRANSACTION) heard = asked;
      else lose(text(error));
    } finally {
      asking = false;
    }
  };
  const timer = setInterval(() => void beat(), silenceMs * BEAT);
  try {
    await work(connection, AbortSignal.any([signal, lost.signal]), stillHeld);
  } finally {
    clearInterval(timer);
    release();
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal.addEventListener('abort', wake, { once: true });
  });
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
