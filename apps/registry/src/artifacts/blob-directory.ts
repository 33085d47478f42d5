/**
 * Blobs in a local directory: `<root>/<org>/<execution>/<artifact id>-<sha256>`, uploads in `<root>/<org>/uploads`.
 * Replicas may share it: chunks are written at their offset, whoever gets them.
 */
import { fileSha256 } from '@hybrid/stores';
import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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

export class BlobDirectory implements Blobs {
  private readonly root: string;

  constructor(directory: string) {
    this.root = resolve(directory);
  }

  async write(org: string, uploadId: string, offset: number, bytes: Uint8Array): Promise<void> {
    const path = this.upload(org, uploadId);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      await file.write(bytes, 0, bytes.length, offset);
    } finally {
      await file.close();
    }
  }

  async written(org: string, uploadId: string): Promise<number> {
    return (await stat(this.upload(org, uploadId)).catch(() => null))?.size ?? 0;
  }

  async commit(uploadId: string, address: BlobAddress, size: number): Promise<void> {
    const path = this.upload(address.org, uploadId);
    const target = join(this.root, ...blobPath(address));
    if (size === 0) await this.write(address.org, uploadId, 0, new Uint8Array());
    const found = await stat(path).catch(() => null);
    if (!found) {
      // The commit came twice and the first one put it in place.
      if (await stat(target).catch(() => null)) return;
      throw uploadNotFound(uploadId);
    }
    const sha256 = await fileSha256(path);
    if (found.size !== size || sha256 !== address.sha256) {
      await rm(path, { force: true });
      throw digestMismatch(`${found.size} of ${size} bytes, SHA-256 ${sha256}`);
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await sync(path);
    // It is as old as its place, whenever its last byte came: the sweep looks at that.
    const now = new Date();
    await utimes(path, now, now);
    await rename(path, target);
    await sync(dirname(target));
  }

  async abort(org: string, uploadId: string): Promise<void> {
    await rm(this.upload(org, uploadId), { force: true });
  }

  async read(address: BlobAddress, offset: number, length: number): Promise<Uint8Array> {
    let file;
    try {
      file = await open(join(this.root, ...blobPath(address)), 'r');
    } catch {
      throw bytesMissing();
    }
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async remove(address: BlobAddress): Promise<void> {
    await rm(join(this.root, ...blobPath(address)), { force: true });
  }

  async *all(): AsyncGenerator<FoundBlob> {
    for (const org of await namesIn(this.root))
      for (const execution of await namesIn(join(this.root, org)))
        for (const name of await namesIn(join(this.root, org, execution))) {
          const address = addressOf([org, execution, name]);
          const found = address && (await stat(join(this.root, org, execution, name)).catch(() => null));
          if (found) yield { address, modified: found.mtime };
        }
  }

  async forgetUploads(before: Date): Promise<void> {
    for (const org of await namesIn(this.root))
      for (const name of await namesIn(join(this.root, org, UPLOADS))) {
        const path = join(this.root, org, UPLOADS, name);
        const found = await stat(path).catch(() => null);
        if (found && found.mtime < before) await rm(path, { force: true });
      }
  }

  private upload(org: string, uploadId: string): string {
    return join(this.root, safe(org), UPLOADS, safe(uploadId));
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
