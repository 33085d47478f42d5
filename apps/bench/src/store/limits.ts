/** What the disk and LMDB can do by themselves with records of the same size. */
import { open } from 'lmdb';
import { randomBytes } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { measure, type Figures } from '../latency.js';
import { RECORD } from './payload.js';

/** One record appended to a file and synced, again and again: no store that keeps its word can be faster alone. */
export async function measureSync(directory: string, count: number): Promise<Figures> {
  const file = await openFile(join(directory, 'raw'), 'a');
  try {
    return await measure(1, count, async () => {
      await file.write(RECORD);
      await file.datasync();
    });
  } finally {
    await file.close();
  }
}

/** Puts of one record under a random key by so many writers; those that wait share a commit, as lmdb-js does by itself. */
export async function measureLmdb(directory: string, writers: number, count: number): Promise<Figures> {
  const store = open<Buffer, Buffer>({
    path: join(directory, `lmdb-${writers}`),
    encoding: 'binary',
    keyEncoding: 'binary',
    overlappingSync: false,
  });
  try {
    return await measure(writers, count, () => store.put(randomBytes(16), RECORD));
  } finally {
    await store.close();
  }
}
