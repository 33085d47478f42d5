/**
 * What is looked at before a store is served: how it ended the last time, and whether its ends fit together. The work
 * does not grow with history; `verify` looks at everything.
 */
import { checkHead } from '../maintenance/head-check.js';
import { takeCleanStop } from './clean-stop.js';
import { EventStore } from './event-store.js';
import { DamagedStoreError } from './store-errors.js';

/** More than one transaction of a busy server holds; a few milliseconds. */
const LAST_EVENTS = 256;

export interface Recovery {
  after: 'creation' | 'clean stop' | 'crash';
  lastPosition: number;
  streams: number;
  /** Events at the end of the log that were checked. */
  checked: number;
  /** What is wrong with them: such events are answered with DATA_LOSS, the others are served. */
  faults: string[];
  milliseconds: number;
}

/**
 * Opens the store, or makes it, and checks its ends. Throws DamagedStoreError, DamagedRecordError, PageFileError or
 * LMDB's own error.
 */
export async function recoverStore(
  directory: string,
  mapSize: number,
): Promise<{ store: EventStore; recovery: Recovery }> {
  const started = performance.now();
  const tables = checkHead(directory);
  const store = EventStore.open(directory, mapSize);
  try {
    const { lastPosition, streamCount: streams } = store;
    const lost: string[] = [];
    const counted = (table: string) => tables?.get(table) ?? 0;
    if (counted('log') !== lastPosition)
      lost.push(`${counted('log')} events are in the log, but the last position is ${lastPosition}`);
    if (counted('streams') !== streams)
      lost.push(`${counted('streams')} streams are known, but ${streams} were made`);
    const stopped = takeCleanStop(directory, lost.length === 0 ? lastPosition : undefined);
    if (stopped !== undefined && stopped !== lastPosition)
      lost.push(`the store was stopped at position ${stopped}, but ends at ${lastPosition}`);
    if (lost.length > 0) throw new DamagedStoreError(directory, lost);
    const faults = store.faultsAtTheEnd(LAST_EVENTS);
    const after = stopped !== undefined ? 'clean stop' : tables ? 'crash' : 'creation';
    const checked = Math.min(LAST_EVENTS, lastPosition);
    return {
      store,
      recovery: { after, lastPosition, streams, checked, faults, milliseconds: performance.now() - started },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** One line for people; the faults themselves are not in it. */
export function describeRecovery(directory: string, recovery: Recovery): string {
  const { after, lastPosition, streams, checked, faults, milliseconds } = recovery;
  if (after === 'creation') return `made a new store in ${directory}`;
  const how = after === 'crash' ? 'after a crash (no clean stop is recorded)' : 'after a clean stop';
  const found =
    faults.length === 0
      ? `the counters, the tables and the last ${checked} events agree`
      : `${faults.length} of the last ${checked} events are DAMAGED, the others are served`;
  const summary = `opened ${directory} ${how}: ${lastPosition} events in ${streams} streams; ${found}`;
  return `${summary} (${Math.ceil(milliseconds)} ms)`;
}
