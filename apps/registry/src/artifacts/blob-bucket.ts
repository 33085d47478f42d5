/**
 * Blobs in a bucket: `<org>/<execution>/<artifact id>-<sha256>`. Each chunk of an upload is an object of its own,
 * `<org>/uploads/<upload>/<offset>`, so that any replica can take the next one and nothing is kept on a disk; a commit
 * streams them into one.
 */
import { bytesSource, StoreProblem, type ObjectStore, type StoredObject } from '@hybrid/stores';
import {
  addressOf,
  blobPath,
  bytesMissing,
  digestMismatch,
  safe,
  uploadNotFound,
  UPLOADS,
  type BlobAddress,
  type Blobs,
  type FoundBlob,
} from './blobs.js';

/** Digits of an offset, so that names sort as numbers do. */
const DIGITS = 16;

export class BlobBucket implements Blobs {
  constructor(private readonly store: ObjectStore) {}

  async write(org: string, uploadId: string, offset: number, bytes: Uint8Array): Promise<void> {
    const name = String(offset).padStart(DIGITS, '0');
    await this.store.put(`${this.upload(org, uploadId)}${name}`, bytesSource(bytes));
  }

  async written(org: string, uploadId: string): Promise<number> {
    return sizeOf(await this.chunks(org, uploadId));
  }

  async commit(uploadId: string, address: BlobAddress, size: number): Promise<void> {
    const target = blobPath(address).join('/');
    const chunks = await this.chunks(address.org, uploadId);
    if (chunks.length === 0 && size > 0) {
      // The commit came twice and the first one put it in place.
      if (await this.store.head(target)) return;
      throw uploadNotFound(uploadId);
    }
    const found = sizeOf(chunks);
    try {
      if (found !== size) throw new StoreProblem('damaged', 'its size is another one');
      await this.store.put(target, { size, sha256: address.sha256, open: () => this.joined(chunks) });
    } catch (error) {
      if (!(error instanceof StoreProblem && error.fault === 'damaged')) throw error;
      await this.abort(address.org, uploadId);
      throw digestMismatch(`${found} of ${size} bytes; ${error.message}`);
    }
    await this.abort(address.org, uploadId);
  }

  async abort(org: string, uploadId: string): Promise<void> {
    for await (const { key } of this.store.list(this.upload(org, uploadId))) await this.store.delete(key);
  }

  async read(address: BlobAddress, offset: number, length: number): Promise<Uint8Array> {
    try {
      const chunks: Buffer[] = [];
      const bytes = await this.store.get(blobPath(address).join('/'), { offset, length });
      for await (const chunk of bytes as AsyncIterable<Buffer>) chunks.push(chunk);
      return Buffer.concat(chunks);
    } catch (error) {
      if (error instanceof StoreProblem && error.fault === 'missing') throw bytesMissing();
      throw error;
    }
  }

  async remove(address: BlobAddress): Promise<void> {
    await this.store.delete(blobPath(address).join('/'));
  }

  async *all(): AsyncGenerator<FoundBlob> {
    for await (const { key, modified } of this.store.list('')) {
      const address = addressOf(key.split('/'));
      if (address) yield { address, modified };
    }
  }

  async forgetUploads(before: Date): Promise<void> {
    /** Chunks of one upload follow each other: it is as young as the youngest of them. */
    let one: StoredObject[] = [];
    const forget = async (): Promise<void> => {
      if (one.every(({ modified }) => modified < before))
        for (const { key } of one) await this.store.delete(key);
    };
    for await (const object of this.store.list('')) {
      if (object.key.split('/')[1] !== UPLOADS) continue;
      if (one[0] && uploadOf(one[0].key) !== uploadOf(object.key)) {
        await forget();
        one = [];
      }
      one.push(object);
    }
    await forget();
  }

  /** From the beginning, up to the first gap. */
  private async chunks(org: string, uploadId: string): Promise<StoredObject[]> {
    const found: StoredObject[] = [];
    let end = 0;
    for await (const chunk of this.store.list(this.upload(org, uploadId))) {
      if (Number(chunk.key.slice(-DIGITS)) !== end) break;
      found.push(chunk);
      end += chunk.size;
    }
    return found;
  }

  private async *joined(chunks: StoredObject[]): AsyncGenerator<Uint8Array> {
    for (const { key } of chunks) yield* (await this.store.get(key)) as AsyncIterable<Uint8Array>;
  }

  private upload(org: string, uploadId: string): string {
    return `${safe(org)}/${UPLOADS}/${safe(uploadId)}/`;
  }
}

function sizeOf(chunks: StoredObject[]): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}

function uploadOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}
