import { openStore, readStoreUrl, StoreProblem, StoreUrlError } from '@hybrid/stores';
import { BlobBucket } from './blob-bucket.js';
import { BlobDirectory } from './blob-directory.js';
import type { Blobs } from './blobs.js';

/** By the path of a directory or a URL; asks a bucket whether it may be used. @throws Error that names the setting. */
export async function openBlobs(place: string): Promise<Blobs> {
  if (!/^[a-z0-9]+:/i.test(place)) return new BlobDirectory(place);
  try {
    const read = readStoreUrl(place);
    if (read.kind === 'directory') return new BlobDirectory(read.path);
    const store = await openStore(place);
    for await (const _ of store.list('0')) break;
    return new BlobBucket(store);
  } catch (cause) {
    if (!(cause instanceof StoreUrlError || cause instanceof StoreProblem)) throw cause;
    throw new Error(`HYBRID_ARTIFACTS: ${cause.message}`, { cause });
  }
}
