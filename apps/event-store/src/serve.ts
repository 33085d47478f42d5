/** Serves one data directory: settings, lock, store, server; stopped in the opposite order. */
import { AccessControl } from './access/access-control.js';
import { serverCredentials } from './access/tls.js';
import { readUsersFile } from './access/users-file.js';
import { DataDirectoryError, lockDataDirectory, syncDirectory } from './data-directory.js';
import { EventStoreServer } from './grpc/event-store-server.js';
import { noteDamage } from './grpc/rpc-failure.js';
import { HealthServer } from './health/health-server.js';
import { Scrub } from './maintenance/scrub.js';
import { readSettings } from './settings.js';
import { recordCleanStop } from './store/clean-stop.js';
import type { EventStore } from './store/event-store.js';
import { describeRecovery, recoverStore } from './store/recovery.js';
import { DamagedRecordError, DamagedStoreError } from './store/store-errors.js';

interface Serving {
  /** To be said once who hears it may stop the process. */
  ready: object;
  stop(): Promise<void>;
}

/** Starts. Throws what `explain` in main.ts explains. */
export async function serve(): Promise<Serving> {
  const settings = readSettings(process.env);
  const { host, port, directory, mapSize, tls, usersFile, healthPort } = settings;
  const credentials = serverCredentials(tls);
  const users = usersFile === undefined ? undefined : readUsersFile(usersFile);
  const unlock = lockDataDirectory(directory);
  try {
    const store = await openStore(directory, mapSize);
    const server = new EventStoreServer(store, users && new AccessControl(store, users));
    const health = new HealthServer(store);
    const scrub = new Scrub(directory, settings.verifyEveryHours, noteDamage);
    const stop = async () => {
      scrub.stop();
      health.stop();
      await server.stop();
      await store.close();
    };
    try {
      const bound = await server.listen(host, port, credentials);
      const healthAt = healthPort === undefined ? {} : { healthPort: await health.listen(host, healthPort) };
      scrub.start();
      return {
        ready: { ready: true, service: 'event-store', host, port: bound, ...healthAt },
        stop: async () => {
          await stop();
          stopped(directory, store.lastPosition);
          unlock();
        },
      };
    } catch (error) {
      await stop();
      throw error;
    }
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openStore(directory: string, mapSize: number): Promise<EventStore> {
  try {
    const { store, recovery } = await recoverStore(directory, mapSize);
    syncDirectory(directory);
    process.stderr.write(`event-store: ${describeRecovery(directory, recovery)}\n`);
    if (recovery.faults.length > 0) noteDamage(new DamagedStoreError(directory, recovery.faults));
    return store;
  } catch (cause) {
    if (cause instanceof DamagedRecordError || cause instanceof DamagedStoreError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataDirectoryError(
      `Cannot open the store in ${directory}: ${reason}. Check free space and rights there; if the files are damaged, restore them from a backup.`,
      { cause },
    );
  }
}

/** Without the record the next start takes this for a crash, which it would survive as well. */
function stopped(directory: string, lastPosition: number): void {
  try {
    recordCleanStop(directory, lastPosition);
  } catch (error) {
    process.stderr.write(`event-store: could not record the clean stop: ${(error as Error).message}\n`);
  }
}
