/** The program: serves the data directory until it is told to stop, or carries out one command. */
import { DataDirectoryError } from './data-directory.js';
import { ListenError } from './grpc/event-store-server.js';
import { runCommand, USAGE, UsageError } from './maintenance/commands.js';
import { MaintenanceError } from './maintenance/maintenance-error.js';
import { serve } from './serve.js';
import { BadSettingError } from './settings.js';
import { DamagedRecordError, DamagedStoreError } from './store/store-errors.js';

/** The ends that a person can mend; anything else is a fault of ours and shows its stack. */
const EXPECTED = [
  BadSettingError,
  DataDirectoryError,
  ListenError,
  DamagedRecordError,
  DamagedStoreError,
  MaintenanceError,
];

function explain(error: unknown): string {
  if (EXPECTED.some((kind) => error instanceof kind)) return (error as Error).message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function fail(error: unknown): never {
  if (error instanceof UsageError) {
    process.stderr.write(`event-store: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
  process.stderr.write(`event-store: ${explain(error)}\n`);
  process.exit(1);
}

async function serveUntilStopped(): Promise<void> {
  const { ready, stop } = await serve();
  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      stop().then(() => process.exit(0), fail);
    });
  // Only now: whoever hears it may stop the process at once.
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

try {
  const args = process.argv.slice(2);
  if (args.length === 0) await serveUntilStopped();
  else process.exitCode = await runCommand(args, process.env);
} catch (error) {
  fail(error);
}
