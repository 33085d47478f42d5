/** Transactions of read models, and whose fault it is when one fails: the event's, or the moment's. */
import type { PoolClient } from 'pg';

/** All or nothing. @throws what `work` throws; LostConnectionError where the connection is gone. */
export async function inTransaction<T>(connection: PoolClient, work: () => Promise<T>): Promise<T> {
  await connection.query('begin');
  try {
    const result = await work();
    await connection.query('commit');
    return result;
  } catch (error) {
    try {
      await connection.query('rollback');
    } catch {
      throw new LostConnectionError(error);
    }
    throw error;
  }
}

/** Whatever failed, it failed as the connection did: it says nothing about the events. */
export class LostConnectionError extends Error {
  override readonly name = 'LostConnectionError';
  constructor(cause: unknown) {
    super(`the connection to PostgreSQL was lost: ${cause instanceof Error ? cause.message : 'unknown'}`, {
      cause,
    });
  }
}

/**
 * Classes of SQLSTATE that come of what is written, however often it is tried: cardinality, data, integrity, routines,
 * names and types, limits of the program, and what is raised by functions.
 */
const DATA_CLASSES = new Set(['21', '22', '23', '2F', '38', '39', '42', '54', '0A', 'P0']);
/** … but a table that is missing, or may not be used, is missing for every event. */
const OF_THE_MOMENT = new Set(['42P01', '42501']);

/**
 * Whether the events are to blame for what a fold threw on a connection that still works. Connections, locks,
 * serialisation, full disks and servers that stop are not their fault.
 */
export function isFoldFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return true;
  if (BLAMELESS.has(error.name)) return false;
  const code = sqlState(error);
  return code === undefined || (DATA_CLASSES.has(code.slice(0, 2)) && !OF_THE_MOMENT.has(code));
}

const BLAMELESS = new Set(['LostConnectionError', 'CheckpointMovedError', 'AbortError']);
const MAX_REASON = 300;

/** For people, without what the event says: messages of PostgreSQL and of a fold may quote its data. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the fold threw something that is no error';
  const code = sqlState(error);
  if (code === undefined) {
    const place = placeOf(error);
    return bounded(place ? `${error.name} at ${place}` : error.name);
  }
  const { table, column, constraint, routine } = error as {
    table?: string;
    column?: string;
    constraint?: string;
    routine?: string;
  };
  const where = Object.entries({ table, column, constraint, routine }).filter(([, value]) => value);
  return bounded(`PostgreSQL ${code}${where.map(([what, value]) => `, ${what} ${value}`).join('')}`);
}

/** The innermost call of the stack, which begins with the message. */
function placeOf({ stack = '', message }: Error): string | undefined {
  const at = stack.lastIndexOf(message);
  return at < 0 ? undefined : /\n\s+at ([^\n]*)/.exec(stack.slice(at + message.length))?.[1];
}

function bounded(text: string): string {
  return text.length > MAX_REASON ? `${text.slice(0, MAX_REASON - 1)}…` : text;
}

/** The code of PostgreSQL's own errors: five characters. Node's are longer (`ECONNRESET`). */
function sqlState(error: Error): string | undefined {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}
