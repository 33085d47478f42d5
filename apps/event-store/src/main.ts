/** Starts the embedded event store: settings, lock, store, server; and stops them in the opposite order. */
import { DataDirectoryError, lockDataDirectory, syncDirectory } from './data-directory.js';
import { EventStoreServer, ListenError } from './grpc/event-store-server.js';
import { BadSettingError, readSettings } from './settings.js';
import { EventStore } from './store/event-store.js';
import { DamagedRecordError } from './store/store-errors.js';

async function start(): Promise<() => Promise<void>> {
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

/** The ends that a person can mend; anything else is a fault of ours and shows its stack. */
function explain(error: unknown): string {
  const expected = [BadSettingError, DataDirectoryError, ListenError, DamagedRecordError];
  if (expected.some((kind) => error instanceof kind)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(error: unknown): never {
  process.stderr.write(`event-store: ${explain(error)}\n`);
  process.exit(1);
}

try {
  const stop = await start();
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      stop().then(() => process.exit(0), fail);
    });
} catch (error) {
  fail(error);
}
