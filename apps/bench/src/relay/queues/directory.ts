import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { QueuePlace } from './queue-place.js';

/** @param directory one of those that the routing service may read. */
export async function directoryPlace(directory: string): Promise<QueuePlace> {
  const path = join(directory, 'directory');
  await mkdir(path, { recursive: true });
  return {
    queue: { kind: 'directory', path },
    away: () => rename(path, `${path}.away`),
    back: () => rename(`${path}.away`, path),
  };
}
