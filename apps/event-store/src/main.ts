/** The program: serves the data directory until it is told to stop. */
import { DataDirectoryError } from './data-directory.js';
import { ListenError } from './grpc/event-store-server.js';
import { serve } from './serve.js';
import { BadSettingError } from './settings.js';
import { DamagedRecordError } from './store/store-errors.js';

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
  const stop = await serve();
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
