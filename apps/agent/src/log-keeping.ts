/** Who keeps the logs of this agent's steps: the control plane, the customer's own store, or both. */
import { openStore, StoreUrlError, type ObjectStore } from '@hybrid/stores';
import { SettingsError } from './settings-error.js';

export const LOG_KEEPERS = ['control-plane', 'customer', 'both'] as const;
export type LogKeeper = (typeof LOG_KEEPERS)[number];

export interface LogKeeping {
  /** The customer's; nothing where the control plane alone keeps logs. */
  store?: ObjectStore;
  /** Whether lines go to the control plane. */
  told: boolean;
}

/** Throws SettingsError. */
export async function openLogKeeping(settings: { logs: LogKeeper; logStore?: string }): Promise<LogKeeping> {
  const { logs, logStore } = settings;
  if (logs === 'control-plane') {
    if (logStore === undefined) return { told: true };
    throw new SettingsError(
      'log-store is given, and no log goes there: set logs to customer or both as well',
    );
  }
  if (logStore === undefined)
    throw new SettingsError(
      `logs is ${logs}, and log-store does not say where: set it to file:///… or s3://…`,
    );
  try {
    return { store: await openStore(logStore), told: logs === 'both' };
  } catch (cause) {
    if (!(cause instanceof StoreUrlError)) throw cause;
    throw new SettingsError(`log-store: ${cause.message}`, { cause });
  }
}
