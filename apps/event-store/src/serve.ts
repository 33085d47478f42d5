/** Serves one data directory: settings, lock, store, server; stopped in the opposite order. */
import { DataDirectoryError, lockDataDirectory, syncDirectory } from './data-directory.js';
import { EventStoreServer } from './grpc/event-store-server.js';
import { readSettings } from './settings.js';
import { EventStore } from './store/event-store.js';
import { DamagedRecordError } from './store/store-errors.js';

/** Starts; answers how to stop. Throws what `explain` in main.ts explains. */
export async function serve(): Promise<() => Promise<void>> {
  const { host, port, directory, mapSize } = readSettings(process.env);
  const unlock = lockDataDirectory(directory);
  try {
    const store = openStore(directory, mapSize);
    const server = new EventStoreServer(store);
    const bound = await server.listen(host, port).catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
    process.stdout.write(`${JSON.stringify({ ready: true, service: 'event-store', host, port: bound })}\n`);
    return async () => {
      await server.stop();
      await store.close();
      unlock();
    };
  } catch (error) {
    unlock();
    throw error;
  }
}

function openStore(directory: string, mapSize: number): EventStore {
  try {
    const store = EventStore.open(directory, mapSize);
    syncDirectory(directory);
    return store;
  } catch (cause) {
    if (cause instanceof DamagedRecordError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DataDirectoryError(
      `Cannot open the store in ${directory}: ${reason}. Check free space and rights there; if the files are damaged, restore them from a backup.`,
      { cause },
    );
  }
}
