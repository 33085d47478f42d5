/** The settings of the process, from the environment. */
import { resolve } from 'node:path';
import type { TlsFiles } from './access/tls.js';

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
  /** Left out: no TLS. */
  tls?: TlsFiles;
  /** Left out: whoever reaches the port may do everything. */
  usersFile?: string;
  /** Left out: no HTTP health check. */
  healthPort?: number;
  /** Hours between two verifications of the served store; 0 for none. */
  verifyEveryHours: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A setting is missing or makes no sense, or a file that it names is no good; the message names it and says what is expected. */
export class BadSettingError extends Error {
  override readonly name = 'BadSettingError';
}

/** Reads the settings. Throws BadSettingError. */
export function readSettings(environment: Environment): Settings {
  const directory = environment['EVENT_STORE_DATA'];
  if (!directory)
    throw new BadSettingError(
      'EVENT_STORE_DATA is not set. Set it to the directory that shall hold the events.',
    );
  const host = environment['EVENT_STORE_HOST'] || '127.0.0.1';
  return {
    host,
    port: portSetting(environment, 'EVENT_STORE_PORT', 2113),
    directory: resolve(directory),
    mapSize: Math.ceil(
      numberSetting(environment, 'EVENT_STORE_MAP_SIZE_GB', DEFAULT_MAP_SIZE_GB, (size) => size > 0, {
        expected: 'a number of gigabytes above 0',
      }) * GIB,
    ),
    // Timers reach no further than 596 hours.
    verifyEveryHours: numberSetting(environment, 'EVENT_STORE_VERIFY_HOURS', 24, (hours) => hours <= 500, {
      expected: 'a number of hours up to 500, or 0 for never',
    }),
    ...accessSettings(environment, host),
    ...(environment['EVENT_STORE_HEALTH_PORT']?.trim()
      ? { healthPort: portSetting(environment, 'EVENT_STORE_HEALTH_PORT', 0) }
      : {}),
  };
}

/** Refuses what would leave the events or a password open to others by mistake. */
function accessSettings(environment: Environment, host: string): Pick<Settings, 'tls' | 'usersFile'> {
  const [certFile, keyFile, usersFile] = [
    'EVENT_STORE_TLS_CERT_FILE',
    'EVENT_STORE_TLS_KEY_FILE',
    'EVENT_STORE_USERS_FILE',
  ].map((name) => environment[name]?.trim() || undefined);
  if (!certFile !== !keyFile)
    throw new BadSettingError(
      'EVENT_STORE_TLS_CERT_FILE and EVENT_STORE_TLS_KEY_FILE belong together; set both, or neither.',
    );
  if (usersFile && !certFile)
    throw new BadSettingError(
      'EVENT_STORE_USERS_FILE is set, but TLS is not, and without TLS the client sends no password. Set EVENT_STORE_TLS_CERT_FILE and EVENT_STORE_TLS_KEY_FILE.',
    );
  const insecure = environment['EVENT_STORE_INSECURE']?.trim() || 'false';
  if (insecure !== 'true' && insecure !== 'false')
    throw new BadSettingError(`EVENT_STORE_INSECURE is '${insecure}'; it must be true or false.`);
  if (!usersFile && !isLoopback(host) && insecure === 'false')
    throw new BadSettingError(
      `EVENT_STORE_HOST is '${host}', where others can connect, and they could read and write everything. Set EVENT_STORE_USERS_FILE, or, if the network keeps them away, EVENT_STORE_INSECURE=true.`,
    );
  return {
    ...(certFile && keyFile ? { tls: { certFile: resolve(certFile), keyFile: resolve(keyFile) } } : {}),
    ...(usersFile ? { usersFile: resolve(usersFile) } : {}),
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function portSetting(environment: Environment, name: string, fallback: number): number {
  return numberSetting(environment, name, fallback, (port) => Number.isInteger(port) && port <= 65535, {
    expected: 'a port from 0 (any free one) to 65535',
  });
}

function numberSetting(
  environment: Environment,
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
