/**
 * A file that says at which position the store was stopped. It is there only while nobody serves the store, so its
 * absence at start means a crash; and a store that ends elsewhere has lost events in a way that no checksum shows.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { syncDirectory } from '../data-directory.js';

const FILE = 'event-store.stopped';

/** Records a clean stop, on disk when it returns. Throws the system's error, as when the disk is full. */
export function recordCleanStop(directory: string, lastPosition: number): void {
  const draft = join(directory, `${FILE}.draft`);
  try {
    const handle = openSync(draft, 'w');
    try {
      writeSync(handle, JSON.stringify({ lastPosition }));
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    renameSync(draft, join(directory, FILE));
    syncDirectory(directory);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** The position that the last clean stop recorded, or nothing if there is no record that can be read. */
export function readCleanStop(directory: string): number | undefined {
  try {
    const { lastPosition } = JSON.parse(readFileSync(join(directory, FILE), 'utf8')) as {
      lastPosition: unknown;
    };
    return Number.isSafeInteger(lastPosition) ? Number(lastPosition) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads the record and, if the store ends there, removes it: from then on only another clean stop makes one. */
export function takeCleanStop(directory: string, lastPosition: number | undefined): number | undefined {
  const stopped = readCleanStop(directory);
  if (stopped === undefined || stopped === lastPosition) {
    rmSync(join(directory, FILE), { force: true });
    syncDirectory(directory);
  }
  return stopped;
}
