/**
 * A backup is a directory with a compact copy of the store and `backup.json`, which says what must be in it. It is
 * made under another name and gets its own when it has been verified: what is called a backup is one.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { syncDirectory } from '../data-directory.js';
import { Tables } from '../store/tables.js';
import { checkHead, DATA_FILE } from './head-check.js';
import { MaintenanceError } from './maintenance-error.js';
import { verifyStore, type VerifyReport } from './verify.js';

const MANIFEST = 'backup.json';
const FORMAT = 1;
/** LMDB makes it for the readers of a file; nothing in it lasts. */
const LMDB_LOCK = 'lock.mdb';
/** Address space; a running server's file may be as large as this. */
const MAP_SIZE = 64 * 1024 ** 3;

export interface Manifest {
  format: typeof FORMAT;
  lastPosition: number;
  streams: number;
  /** Bytes of the copy. */
  bytes: number;
  sha256: string;
  /** RFC 3339. */
  createdAt: string;
}

/**
 * Backs up the store in `directory` as it is now, also while a server writes it, to `target`, which must not exist.
 * Throws MaintenanceError, DamagedStoreError or the system's error; then nothing is left behind.
 */
export async function backUp(
  directory: string,
  target: string,
  say: (progress: string) => void,
): Promise<Manifest> {
  const to = resolve(target);
  if (existsSync(to)) throw new MaintenanceError(`${to} exists: choose a directory that does not.`);
  if (!checkHead(directory)) throw new MaintenanceError(`There are no events in ${directory} to back up.`);
  const draft = `${to}.unfinished.${process.pid}`;
  await mkdir(draft, { recursive: true });
  try {
    const copy = join(draft, DATA_FILE);
    await copyStore(directory, draft);
    await syncFile(copy);
    say('copied; verifying the copy');
    const manifest = await describe(draft, copy, say);
    await rm(join(draft, LMDB_LOCK), { force: true });
    await writeFile(join(draft, MANIFEST), `${JSON.stringify(manifest, undefined, 2)}\n`, { flush: true });
    syncDirectory(draft);
    if (existsSync(to)) throw new MaintenanceError(`${to} has been made by someone else meanwhile.`);
    await rename(draft, to);
    syncDirectory(to);
    return manifest;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Reads `backup.json`. Throws MaintenanceError when it is none. */
export async function readManifest(backup: string): Promise<Manifest> {
  const path = join(backup, MANIFEST);
  try {
    const manifest = JSON.parse(await readFile(path, 'utf8')) as Partial<Manifest>;
    if (manifest.format !== FORMAT)
      throw new MaintenanceError(
        `${path} has format ${manifest.format}; this version reads format ${FORMAT}.`,
      );
    if (typeof manifest.sha256 !== 'string' || typeof manifest.bytes !== 'number')
      throw new MaintenanceError(`${path} lacks the digest or the size.`);
    return manifest as Manifest;
  } catch (cause) {
    if (cause instanceof MaintenanceError) throw cause;
    throw new MaintenanceError(`${backup} is no backup: ${(cause as Error).message}`, { cause });
  }
}

/** Checks a store as `verifyStore` does, and if it is a backup, that it is the one that was made. */
export async function verifyStoreOrBackup(
  directory: string,
  say: (progress: string) => void,
): Promise<VerifyReport> {
  if (!existsSync(join(directory, MANIFEST))) return verifyStore(directory, say);
  const manifest = await readManifest(directory);
  const lock = join(directory, LMDB_LOCK);
  const wasLocked = existsSync(lock);
  const report = await verifyStore(directory, say);
  if (!wasLocked) await rm(lock, { force: true });
  if ((await sha256Of(join(directory, DATA_FILE))) !== manifest.sha256)
    report.findings.add(`the file is not the one that ${MANIFEST} names: its SHA-256 differs`);
  return report;
}

/** Hex digest of a file. */
export async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
    hash.update(chunk as Buffer);
  return hash.digest('hex');
}

export async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function copyStore(directory: string, to: string): Promise<void> {
  const { size } = await stat(join(directory, DATA_FILE));
  const tables = Tables.openReadOnly(directory, Math.max(MAP_SIZE, 2 * size));
  try {
    await tables.copyTo(to, true).catch(async () => {
      // LMDB refuses to compact a file in which pages were lost to the free list; those harm nothing.
      await rm(join(to, DATA_FILE), { force: true });
      await tables.copyTo(to, false);
    });
  } finally {
    await tables.close();
  }
}

async function describe(draft: string, copy: string, say: (progress: string) => void): Promise<Manifest> {
  const { findings, lastPosition, streams, bytes } = await verifyStore(draft, say);
  if (findings.count > 0)
    throw new MaintenanceError(
      `The copy is damaged, so the store probably is: ${findings.named.join('; ')}. Run verify on the store.`,
    );
  const createdAt = new Date().toISOString();
  return { format: FORMAT, lastPosition, streams, bytes, sha256: await sha256Of(copy), createdAt };
}
