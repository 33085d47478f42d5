/** The settings of the process, from the environment. */
import { resolve } from 'node:path';

const GIB = 1024 ** 3;
/** Address space, not disk or memory: LMDB grows its file as events come. */
const DEFAULT_MAP_SIZE_GB = 16;

export interface Settings {
  host: string;
  port: number;
  /** Absolute. */
  directory: string;
  /** Bytes. */
  mapSize: number;
}

/** A setting is missing or makes no sense; the message names it and says what is expected. */
export class BadSettingError extends Error {
  override readonly name = 'BadSettingError';
}

/** Reads the settings. Throws BadSettingError. */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const directory = environment['EVENT_STORE_DATA'];
  if (!directory)
    throw new BadSettingError(
      'EVENT_STORE_DATA is not set. Set it to the directory that shall hold the events.',
    );
  return {
    host: environment['EVENT_STORE_HOST'] || '127.0.0.1',
    port: numberSetting(
      environment,
      'EVENT_STORE_PORT',
      2113,
      (port) => Number.isInteger(port) && port <= 65535,
      {
        expected: 'a port from 0 (any free one) to 65535',
      },
    ),
    directory: resolve(directory),
    mapSize: Math.ceil(
      numberSetting(environment, 'EVENT_STORE_MAP_SIZE_GB', DEFAULT_MAP_SIZE_GB, (size) => size > 0, {
        expected: 'a number of gigabytes above 0',
      }) * GIB,
    ),
  };
}

function numberSetting(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  fallback: number,
  fits: (value: number) => boolean,
  { expected }: { expected: string },
): number {
  const text = environment[name]?.trim();
  if (!text) return fallback;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0 || !fits(value))
    throw new BadSettingError(`${name} is '${text}'; it must be ${expected}.`);
  return value;
}
