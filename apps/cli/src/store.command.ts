/** `hybrid store …`: the embedded event store's own commands, run by its program beside this one. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { CommandError, UsageError } from './errors.js';
import { EXIT } from './exit-codes.js';

export interface StoreOptions {
  data?: string;
}

/** Both programs are built side by side: dist/cli/main.js, dist/event-store/main.js. */
const PROGRAM = fileURLToPath(new URL('../event-store/main.js', import.meta.url));

export function storeCommands(program: Command): void {
  const store = program.command('store').description('the embedded event store on this machine');
  const onData = (command: Command) =>
    command.option(
      '--data <directory>',
      'of the events (EVENT_STORE_DATA; else event-store in HYBRID_DATA, ./.data unless told)',
    );
  onData(store.command('backup <directory>'))
    .description('copy it to a new directory, also while it is served')
    .action((to: string, options: StoreOptions) => runStore(['backup', resolve(to)], options));
  onData(store.command('restore <backup>'))
    .description('put a backup into an empty directory')
    .action((backup: string, options: StoreOptions) => runStore(['restore', resolve(backup)], options));
  onData(store.command('verify [directory]'))
    .description('check every event, also while it is served; or a backup')
    .action((directory: string | undefined, options: StoreOptions) =>
      runStore(directory === undefined ? ['verify'] : ['verify', resolve(directory)], options),
    );
}

/** Where the events are: told, set, or where `npm start` keeps them. Absolute. */
export function storeDirectory(
  { data }: StoreOptions,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  if (data === '') throw new UsageError('--data is empty; name the directory of the events');
  const told = data ?? environment['EVENT_STORE_DATA'];
  return resolve(told || join(environment['HYBRID_DATA'] || '.data', 'event-store'));
}

/** Runs the program with our input and output and takes over its exit code. Throws CommandError. */
async function runStore(args: readonly string[], options: StoreOptions): Promise<void> {
  const directory = storeDirectory(options, process.env);
  if (!existsSync(PROGRAM))
    throw new CommandError(
      `the event store's program is not at ${PROGRAM}: build it with "npm run build"`,
      EXIT.failed,
    );
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    stdio: 'inherit',
    env: { ...process.env, EVENT_STORE_DATA: directory },
  });
  const { code, signal } = await new Promise<{ code: number | null; signal: NodeJS.Signals | null }>(
    (settle, fail) => {
      child.once('error', fail);
      child.once('exit', (code, signal) => settle({ code, signal }));
    },
  );
  if (signal)
    throw new CommandError(
      `the event store's program was ended by ${signal}; if nobody did that, the store is damaged`,
      signal === 'SIGINT' ? EXIT.interrupted : EXIT.failed,
    );
  process.exitCode = code ?? EXIT.failed;
}
