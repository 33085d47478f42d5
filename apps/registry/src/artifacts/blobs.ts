/** Where the registry keeps bytes: a directory that its replicas share, or a bucket. Both pass the same spec. */
import { problem } from '@hybrid/contracts';

export interface BlobAddress {
  org: string;
  executionId: string;
  artifactId: string;
  sha256: string;
}

export interface FoundBlob {
  address: BlobAddress;
  modified: Date;
}

export interface Blobs {
  /** Writes a chunk of an upload; again at the same offset is harmless. */
  write(org: string, uploadId: string, offset: number, bytes: Uint8Array): Promise<void>;
  /** Bytes of the upload that are there, from its beginning without a gap as long as one writes at a time. */
  written(org: string, uploadId: string): Promise<number>;
  /**
   * Checks the upload against what was announced and puts it in place, durably.
   * @throws ProblemError `upload_not_found`, `digest_mismatch` (the upload is forgotten then).
   */
  commit(uploadId: string, address: BlobAddress, size: number): Promise<void>;
  abort(org: string, uploadId: string): Promise<void>;
  /** Up to `length` bytes from `offset`; none past the end. @throws ProblemError `artifact_bytes_missing`. */
  read(address: BlobAddress, offset: number, length: number): Promise<Uint8Array>;
  remove(address: BlobAddress): Promise<void>;
  /** What is in place, in no order. */
  all(): AsyncIterable<FoundBlob>;
  /** Removes uploads that nobody has gone on with since. */
  forgetUploads(before: Date): Promise<void>;
}

/** Names that become parts of paths. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,199}$/;

/** Of a folder that no execution may be called: an upload could reach what is stored. */
export const UPLOADS = 'uploads';

export function safe(name: string): string {
  if (SAFE_NAME.test(name)) return name;
  throw invalidName();
}

/** Organisation, folder and name of a blob. */
export function blobPath({ org, executionId, artifactId, sha256 }: BlobAddress): [string, string, string] {
  if (executionId === UPLOADS) throw invalidName();
  return [safe(org), safe(executionId), safe(`${artifactId}-${sha256}`)];
}

/** Back from a path; nothing where it is none of ours. */
export function addressOf([org, executionId, name, ...more]: string[]): BlobAddress | undefined {
  const [, artifactId, sha256] = /^([0-9a-f-]{36})-([0-9a-f]{64})$/.exec(name ?? '') ?? [];
  if (!org || !executionId || executionId === UPLOADS || !artifactId || !sha256 || more.length)
    return undefined;
  return { org, executionId, artifactId, sha256 };
}

export function uploadNotFound(uploadId: string): Error {
  return problem('not_found', 'upload_not_found', `there is no upload ${uploadId}: send it again`);
}

export function digestMismatch(found: string): Error {
  return problem(
    'invalid',
    'digest_mismatch',
    `the bytes that arrived are not the ones announced: ${found}; send them again`,
  );
}

export function bytesMissing(): Error {
  return problem(
    'internal',
    'artifact_bytes_missing',
    'the artifact is registered but its bytes are gone from the store',
  );
}

function invalidName(): Error {
  return problem(
    'invalid',
    'invalid_name',
    'names may hold letters, digits, - and _ only, and not be `uploads`',
    [{ path: 'execution_id', message: 'letters, digits, - and _; not `uploads`' }],
  );
}
