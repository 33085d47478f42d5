/** Puts a backup into an empty data directory: copied, compared with its digest, verified, and only then in its place. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { lockDataDirectory, syncDirectory } from '../data-directory.js';
import { recordCleanStop } from '../store/clean-stop.js';
import { readManifest, sha256Of, syncFile, type Manifest } from './backup.js';
import { DATA_FILE, RESTORING } from './head-check.js';
import { MaintenanceError } from './maintenance-error.js';
import { verifyStore } from './verify.js';

/** What may lie in a directory that holds no events: the lock that we take, and a restore that was interrupted. */
const HARMLESS = ['event-store.lock', 'lock.mdb', 'lost+found', RESTORING];

/**
 * Restores `backup` to `directory`, which must hold no store and be used by nobody.
 * Throws MaintenanceError, DataDirectoryError or the system's error; then no store is there.
 */
export async function restore(
  backup: string,
  directory: string,
  say: (progress: string) => void,
): Promise<Manifest> {
  const from = resolve(backup);
  const manifest = await readManifest(from);
  const unlock = lockDataDirectory(directory);
  try {
    const there = (await readdir(directory)).filter((name) => !HARMLESS.includes(name));
    if (there.length > 0)
      throw new MaintenanceError(
        `${directory} is not empty (${there.join(', ')}): move what is there away, or choose another directory.`,
      );
    const draft = join(directory, RESTORING);
    await rm(draft, { recursive: true, force: true });
    await mkdir(draft);
    // Before the first byte: a server that starts after a crash must see that this is unfinished.
    syncDirectory(draft);
    try {
      await putInPlace(from, draft, directory, manifest, say);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
    syncDirectory(directory);
    return manifest;
  } finally {
    unlock();
  }
}

async function putInPlace(
  from: string,
  draft: string,
  directory: string,
  manifest: Manifest,
  say: (progress: string) => void,
): Promise<void> {
  const source = join(from, DATA_FILE);
  const copy = join(draft, DATA_FILE);
  if (!existsSync(source)) throw new MaintenanceError(`${from} is no whole backup: ${DATA_FILE} is missing.`);
  await copyFile(source, copy);
  await syncFile(copy);
  const { size } = await stat(copy);
  if (size !== manifest.bytes || (await sha256Of(copy)) !== manifest.sha256)
    throw new MaintenanceError(`${source} is not the file that was backed up: use another backup.`);
  say('copied; verifying the copy');
  const { findings, lastPosition } = await verifyStore(draft, say);
  if (findings.count > 0 || lastPosition !== manifest.lastPosition)
    throw new MaintenanceError(`${from} is damaged: ${findings.named.join('; ') || 'events are missing'}.`);
  await rename(copy, join(directory, DATA_FILE));
  recordCleanStop(directory, lastPosition);
}
