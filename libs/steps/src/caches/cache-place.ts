/** Where caches are kept, and how much of them. */
import { DirectoryStore, type ObjectStore } from '@hybrid/stores';

export interface CachePlace {
  store: ObjectStore;
  /** Branches whose caches the jobs of every branch may read, best first: a repository's main ones. */
  sharedBranches: string[];
  /** Bytes that a directory may hold; what was used longest ago goes first. A bucket has rules of its own. */
  sizeLimit?: number;
}

/** Best effort: makes room again after something was saved. */
export async function makeRoom({ store, sizeLimit }: CachePlace): Promise<void> {
  if (sizeLimit === undefined || !(store instanceof DirectoryStore)) return;
  const entries = [];
  for await (const entry of store.list('caches/')) entries.push(entry);
  entries.sort((a, b) => a.modified.getTime() - b.modified.getTime());
  let total = entries.reduce((sum, { size }) => sum + size, 0);
  for (const { key, size } of entries) {
    if (total <= sizeLimit) break;
    await store.delete(key);
    total -= size;
  }
}
