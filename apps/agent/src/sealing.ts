/** What this agent encrypts for its customer's keys, and the key with which it opens what other agents have encrypted. */
import { checkRecipients, LogSealer, readIdentities, SealedError, SealedReader } from '@hybrid/sealed';
import { readFile } from 'node:fs/promises';
import type { LogKeeper } from './log-keeping.js';
import { SettingsError } from './settings-error.js';

const SEALABLE = ['logs', 'artifacts'] as const;
export type Sealable = (typeof SEALABLE)[number];

export interface ArtifactSealing {
  /** None: artifacts are stored as they are. */
  recipients: readonly string[];
  reader?: SealedReader;
}

export interface Sealing {
  /** Nothing: lines go as they are. */
  logs?: LogSealer;
  artifacts: ArtifactSealing;
}

/** Throws SettingsError. */
export async function openSealing(settings: {
  sealFor: string[];
  seal?: Sealable[];
  unsealKeyFile?: string;
  logs: LogKeeper;
}): Promise<Sealing> {
  const { sealFor, seal, unsealKeyFile, logs } = settings;
  if (seal && sealFor.length === 0)
    throw new SettingsError(`seal is ${seal.join(',')}, and seal-for names no key: give it with --seal-for`);
  if (logs === 'customer' && seal?.includes('logs'))
    throw new SettingsError(
      'seal says logs, and none of them leave: they stay in the log store as they are (logs is customer)',
    );
  const seals = (what: Sealable): boolean => sealFor.length > 0 && (seal ?? SEALABLE).includes(what);
  return {
    logs: seals('logs') ? await LogSealer.open(sealFor) : undefined,
    artifacts: {
      recipients: seals('artifacts') ? sealFor : [],
      reader: unsealKeyFile === undefined ? undefined : await readerOf(unsealKeyFile),
    },
  };
}

/** For the table of settings: throws SettingsError. */
export function recipients(texts: string[]): string[] {
  const found = texts.map((one) => one.trim()).filter((one) => one !== '');
  try {
    checkRecipients(found);
  } catch (cause) {
    throw new SettingsError((cause as Error).message, { cause });
  }
  return found;
}

/** As `recipients`. */
export function sealables(texts: string[]): Sealable[] {
  return texts.map((one) => {
    const found = SEALABLE.find((known) => known === one.trim());
    if (!found) throw new SettingsError(`it must be ${SEALABLE.join(', ')} or both`);
    return found;
  });
}

async function readerOf(file: string): Promise<SealedReader> {
  try {
    return new SealedReader(readIdentities(await readFile(file, 'utf8')));
  } catch (cause) {
    const why = cause instanceof SealedError ? cause.message : (cause as NodeJS.ErrnoException).code;
    throw new SettingsError(`unseal-key-file: ${file} cannot be used: ${why}`, { cause });
  }
}
