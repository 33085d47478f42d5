/** Where artifacts of runs are kept, as a step sees it; and how a folder becomes one file and a folder again. */
import type { ArtifactRef } from '@hybrid/contracts';
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { StepProblem } from '../step.js';
import { ArchiveProblem, packTree } from './tree-archive.js';
import { unpackTree } from './tree-unpack.js';

export const TREE_TYPE = 'application/vnd.hybrid.tar+gzip';
export const FILE_TYPE = 'application/octet-stream';

export interface Downloaded extends ArtifactRef {
  /** Absolute path of the bytes as they were stored. */
  file: string;
  isTree: boolean;
}

/** How long an artifact is kept; as long as is usual where nothing is said. */
export interface Kept {
  retentionDays?: number;
}

/** Streams both ways, holds nothing in memory, checks SHA-256 at both ends. */
export interface ArtifactStore {
  /** Stores a file, or a folder as gzipped tar. Throws StepProblem when it is refused. */
  upload(execution: string, key: string, path: string, kept?: Kept): Promise<ArtifactRef>;
  /** Fetches the bytes into a file and checks them. Throws StepProblem when they are missing or altered. */
  download(execution: string, key: string): Promise<Downloaded>;
  /** What is stored, without fetching it. Throws StepProblem when it is missing. */
  look(execution: string, key: string): Promise<ArtifactRef>;
}

/** Where a customer's own store has an artifact: for people to find, and another place for other bytes. */
export function artifactObject(execution: string, key: string, sha256: string): string {
  const name = (text: string): string =>
    /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/.test(text)
      ? text
      : `_${createHash('sha256').update(text).digest('hex').slice(0, 40)}`;
  return `artifacts/${name(execution)}/${name(key)}/${sha256}`;
}

/** Packs a folder into `file`. Throws StepProblem. */
export async function packArtifact(
  folder: string,
  key: string,
  file: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const tree = Readable.from(packTree(folder, { outsideLinks: 'refuse' }), { objectMode: false });
    await pipeline(tree, createGzip(), createWriteStream(file), { signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new StepProblem(`the artifact ${key} cannot be packed: ${(cause as Error).message}`, { cause });
  }
}

/** Unpacks a stored folder into `folder`, which exists. Throws StepProblem. */
export async function unpackArtifact(artifact: Downloaded, folder: string): Promise<void> {
  const bytes = createReadStream(artifact.file).pipe(createGunzip());
  try {
    await unpackTree(bytes as AsyncIterable<Buffer>, folder);
  } catch (cause) {
    const reason =
      cause instanceof ArchiveProblem ? cause.message : `it is damaged (${(cause as Error).message})`;
    throw new StepProblem(`the artifact ${artifact.key} cannot be unpacked: ${reason}`, { cause });
  } finally {
    bytes.destroy();
  }
}
