/** The store that a URL names. */
import { DirectoryStore } from './directory-store.js';
import type { ObjectStore } from './object-store.js';
import { readStoreUrl } from './store-url.js';

/** Throws StoreUrlError. Nothing is asked of a bucket yet; the SDK of S3 is loaded with the first call. */
export async function openStore(url: string): Promise<ObjectStore> {
  const place = readStoreUrl(url);
  if (place.kind === 'directory') return new DirectoryStore(place.path);
  const { S3Store } = await import('./s3-store.js');
  return new S3Store(place);
}
