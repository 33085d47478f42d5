/** How the text of each setting is read. Each throws SettingsError with what it must be. */
import { readStoreUrl } from '@hybrid/stores';
import { readCredentials, readSecretRules, type HostCredential } from '@hybrid/steps';
import { hostname } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { readForges, type ForgeSettings } from './forges.js';
import type { HealthAddress } from './settings.js';
import { SettingsError } from './settings-error.js';

/** Bytes: Docker refuses less. */
const SMALLEST_MEMORY = 6 * 1024 ** 2;

export function text(given: string): string {
  if (given !== '') return given;
  throw new SettingsError('it must not be empty');
}

export function command(given: string): string {
  return text(given.trim());
}

export function gatewayUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new SettingsError('it must be like https://hybrid.example.com');
  if (url.username || url.search || url.hash)
    throw new SettingsError('it must hold no user, query or fragment');
  return url.href.replace(/\/+$/, '');
}

export function labels(texts: string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const label of texts) {
    const equals = label.indexOf('=');
    if (equals < 1) throw new SettingsError('it must be like key=value');
    found[label.slice(0, equals).trim()] = label.slice(equals + 1).trim();
  }
  return found;
}

/** As it was given, once it is known to be right. */
export function secretRules(given: Record<string, unknown>): Record<string, unknown> {
  refusing(() => readSecretRules(given));
  return given;
}

export function gitCredentials(given: Record<string, unknown>): Record<string, HostCredential> {
  return refusing(() => readCredentials(given));
}

export function commitStatus(given: Record<string, unknown>): Record<string, ForgeSettings> {
  return refusing(() => readForges(given));
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw new SettingsError((cause as Error).message, { cause });
  }
}

export function textsByKey(given: Record<string, unknown>): Record<string, string> {
  for (const [key, value] of Object.entries(given))
    if (typeof value !== 'string' || value === '') throw new SettingsError(`${key} must be a text`);
  return given as Record<string, string>;
}

export function whole(min: number, max: number): (given: string) => number {
  return (given) => {
    if (/^\d+$/.test(given) && Number(given) >= min && Number(given) <= max) return Number(given);
    throw new SettingsError(`it must be a whole number from ${min} to ${max}`);
  };
}

/** Bytes: `2GiB`, `512m`, `1073741824`; all units are powers of 1024, as Docker has them. */
export function size(given: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i.exec(given) ?? [];
  const bytes = Math.round(Number(number) * 1024 ** ['', 'k', 'm', 'g', 't'].indexOf(unit.toLowerCase()));
  if (number !== '' && bytes >= SMALLEST_MEMORY && Number.isSafeInteger(bytes)) return bytes;
  throw new SettingsError('it must be a size of at least 6 MiB, such as 512MiB or 4GiB');
}

export function cores(given: string): number {
  if (/^\d+(\.\d+)?$/.test(given) && Number(given) >= 0.01 && Number(given) <= 10_000) return Number(given);
  throw new SettingsError('it must be a number of cores, such as 0.5 or 4');
}

export function folders(texts: string[]): string[] {
  const found = texts.map((one) => one.trim()).filter((one) => one !== '');
  for (const folder of found) {
    if (!isAbsolute(folder)) throw new SettingsError(`${folder} must be an absolute path`);
    if (resolve(folder) === '/')
      throw new SettingsError('/ would let steps change the whole machine: name the folders that they need');
  }
  return found;
}

export function names(texts: string[]): string[] {
  return texts.map((one) => one.trim()).filter((one) => one !== '');
}

export function oneOf(...allowed: string[]): (given: string) => string {
  return (given) => {
    if (allowed.includes(given)) return given;
    throw new SettingsError(`it must be ${allowed.slice(0, -1).join(', ')} or ${allowed.at(-1)}`);
  };
}

export function yesOrNo(given: string): boolean {
  if (/^(yes|true|1)$/i.test(given)) return true;
  if (/^(no|false|0)$/i.test(given)) return false;
  throw new SettingsError('it must be yes or no');
}

export function healthAddress(given: string): HealthAddress {
  const [, host, port = ''] = /^(?:(.*):)?(\d{1,5})$/.exec(given) ?? [];
  if (port === '' || Number(port) > 65_535)
    throw new SettingsError('it must be like 127.0.0.1:8085, or a port');
  return { host: host ? host.replace(/^\[|\]$/g, '') : '127.0.0.1', port: Number(port) };
}

/** The machine's name, in the characters that names may have. */
export function machineName(): string {
  return (
    hostname()
      .replace(/[^A-Za-z0-9._-]/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 100) || 'agent'
  );
}

export function storeUrl(given: string): string {
  try {
    readStoreUrl(given);
    return given;
  } catch (cause) {
    throw new SettingsError((cause as Error).message, { cause });
  }
}
