/**
 * Blobs in a local directory: `<root>/<org>/<execution>/<artifact id>-<sha256>`, uploads in `<root>/<org>/uploads`,
 * which no execution may be called: an upload could reach what is stored.
 * Replicas may share it: chunks are written at their offset, whoever gets them.
 */
import { problem } from '@hybrid/contracts';
import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** Names that become parts of paths. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/;

const UPLOADS = 'uploads';

export interface BlobAddress {
  org: string;
  executionId: string;
  artifactId: string;
  sha256: string;
}

export class BlobDirectory {
  private readonly root: string;

  constructor(directory: string) {
    this.root = resolve(directory);
  }

  /** Writes a chunk of an upload; again at the same offset is harmless. */
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

  /**
   * Checks the upload against what was announced and puts it in place, durably.
   * @throws ProblemError `upload_not_found`, `digest_mismatch` (the upload is forgotten then).
   */
  async commit(uploadId: string, address: BlobAddress, size: number): Promise<void> {
    const path = this.upload(address.org, uploadId);
    const target = this.blob(address);
    if (size === 0) await this.write(address.org, uploadId, 0, new Uint8Array());
    const found = await stat(path).catch(() => null);
    if (!found) {
      // The commit came twice and the first one put it in place.
      if (await stat(target).catch(() => null)) return;
      throw problem('not_found', 'upload_not_found', `there is no upload ${uploadId}: send it again`);
    }
    const sha256 = await sha256Of(path);
    if (found.size !== size || sha256 !== address.sha256) {
      await rm(path, { force: true });
      throw problem(
        'invalid',
        'digest_mismatch',
        `the bytes that arrived are not the ones announced: ${found.size} of ${size} bytes, SHA-256 ${sha256}; send them again`,
      );
    }
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await sync(path);
    await rename(path, target);
    await sync(dirname(target));
  }

  async abort(org: string, uploadId: string): Promise<void> {
    await rm(this.upload(org, uploadId), { force: true });
  }

  /** Up to `length` bytes from `offset`; none past the end. @throws ProblemError `artifact_bytes_missing`. */
  async read(address: BlobAddress, offset: number, length: number): Promise<Uint8Array> {
    let file;
    try {
      file = await open(this.blob(address), 'r');
    } catch {
      throw problem(
        'internal',
        'artifact_bytes_missing',
        'the artifact is registered but its bytes are gone from the store',
      );
    }
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  }

  async remove(address: BlobAddress): Promise<void> {
    await rm(this.blob(address), { force: true });
  }

  private upload(org: string, uploadId: string): string {
    return join(this.root, safe(org), UPLOADS, safe(uploadId));
  }

  private blob({ org, executionId, artifactId, sha256 }: BlobAddress): string {
    if (executionId === UPLOADS) throw invalidName();
    return join(this.root, safe(org), safe(executionId), safe(`${artifactId}-${sha256}`));
  }
}

function safe(name: string): string {
  if (SAFE_NAME.test(name)) return name;
  throw invalidName();
}

function invalidName(): Error {
  return problem(
    'invalid',
    'invalid_name',
    'names may hold letters, digits, - and _ only, and not be `uploads`',
    [{ path: 'execution_id', message: 'letters, digits, - and _; not `uploads`' }],
  );
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
