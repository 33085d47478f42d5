/** What the program does besides serving, for people and scripts. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hashPasswordFromStdin } from '../access/password-hash.js';
import { backUp, verifyStoreOrBackup } from './backup.js';
import { DATA_FILE } from './head-check.js';
import { MaintenanceError } from './maintenance-error.js';
import { restore } from './restore.js';

export const USAGE = `usage:
  event-store                      serve the directory EVENT_STORE_DATA
  event-store backup <directory>   copy the store to a new directory, also while it is served
  event-store restore <backup>     put a backup into the empty directory EVENT_STORE_DATA
  event-store verify [directory]   check a store (EVENT_STORE_DATA unless told), also while it is served, or a backup
  event-store hash-password        hash the password on stdin for the file of users
`;

/** The arguments are none that the program knows. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Carries out a command; answers the exit code. Throws UsageError, MaintenanceError and what the commands throw. */
export async function runCommand(
  [command, ...operands]: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const [operand, ...rest] = operands;
  if (rest.length > 0) throw new UsageError(`'${command}' takes one argument, not ${operands.length}.`);
  const data = () => {
    const directory = environment['EVENT_STORE_DATA'];
    if (directory) return resolve(directory);
    throw new UsageError('EVENT_STORE_DATA is not set. Set it to the directory that holds the events.');
  };
  switch (command) {
    case 'backup': {
      if (operand === undefined) throw new UsageError('backup: which directory to?');
      const { lastPosition, streams, bytes } = await backUp(existing(data()), operand, say);
      print(
        `backed up ${lastPosition} events in ${streams} streams to ${resolve(operand)} (${megabytes(bytes)})`,
      );
      return 0;
    }
    case 'restore': {
      if (operand === undefined) throw new UsageError('restore: which backup?');
      const { lastPosition, streams, createdAt } = await restore(operand, data(), say);
      print(`restored ${lastPosition} events in ${streams} streams, as of ${createdAt}, to ${data()}`);
      return 0;
    }
    case 'verify':
      return verify(existing(operand === undefined ? data() : resolve(operand)));
    case 'hash-password':
      await hashPasswordFromStdin();
      return 0;
    default:
      throw new UsageError(`There is no command '${command}'.`);
  }
}

async function verify(directory: string): Promise<number> {
  const { findings, lastPosition, streams, bytes, seconds } = await verifyStoreOrBackup(directory, say);
  const size = `${lastPosition} events in ${streams} streams, ${megabytes(bytes)}, ${seconds.toFixed(1)} s`;
  if (findings.count === 0) {
    print(`${directory} is sound: ${size}`);
    return 0;
  }
  print(
    `${directory} is damaged (${size}), at ${findings.count} ${findings.count === 1 ? 'place' : 'places'}:`,
  );
  for (const finding of findings.named) print(`  ${finding}`);
  if (findings.count > findings.named.length) print(`  and ${findings.count - findings.named.length} more`);
  return 1;
}

function existing(directory: string): string {
  if (existsSync(join(directory, DATA_FILE))) return directory;
  throw new MaintenanceError(`There is no store in ${directory}: ${DATA_FILE} is missing.`);
}

function say(progress: string): void {
  process.stderr.write(`event-store: ${progress}\n`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
