/** The relay's part of a net-zero configuration, with its secrets read and its paths meant from where the file is. */
import type { FieldError } from '@hybrid/contracts';
import { DIGEST_KEY_MIN_BYTES } from '@hybrid/delivery';
import { readNetZero, type NetZero, type RelayConfig } from '@hybrid/net-zero';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { DigestKey } from './intake.js';
import { secretReader, type ReadSecret } from './secrets.js';
import { SettingsError } from './settings-error.js';

const LISTEN = '127.0.0.1:8085';
const ERRORS_SHOWN = 20;

export interface Configuration {
  netZero: NetZero;
  relay: RelayConfig & { control_plane: NonNullable<RelayConfig['control_plane']> };
  /** Absolute. */
  data: string;
  /** Of the tools' configurations; those that come with the relay where it is left out. */
  tools?: string;
  listen: { host: string; port: number };
  secret: ReadSecret;
}

/** Throws SettingsError with every error, each with line and column. */
export async function readConfiguration(file: string): Promise<Configuration> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new SettingsError(
      `the configuration ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}): name it with --config`,
      { cause },
    );
  }
  const read = readNetZero(text, { part: 'whole' });
  if ('errors' in read) throw new SettingsError(`the configuration is wrong:\n${listOf(file, read.errors)}`);
  const { config } = read;
  const { relay } = config;
  if (!relay) throw new SettingsError(`${file} has no section relay: it says which webhooks are taken`);
  if (!relay.control_plane)
    throw new SettingsError(
      `${file} has no relay.control_plane: deliveries are signed in the name that a relay is registered by; give its url, and a join_token or oauth2`,
    );
  const folder = dirname(resolve(file));
  return {
    netZero: config,
    relay: { ...relay, control_plane: relay.control_plane },
    data: resolve(folder, relay.data),
    ...(relay.tools !== undefined && { tools: resolve(folder, relay.tools) }),
    listen: listenOn(relay.listen ?? LISTEN),
    secret: secretReader(folder, config.vault),
  };
}

/** Throws SettingsError. */
export async function readDigestKey(
  { relay: { digest_key: given }, secret }: Configuration,
  signal: AbortSignal,
): Promise<DigestKey> {
  const key = Buffer.from(await secret('relay.digest_key.key', given.key, signal));
  if (key.length < DIGEST_KEY_MIN_BYTES)
    throw new SettingsError(
      `relay.digest_key.key has ${key.length} bytes, fewer than ${DIGEST_KEY_MIN_BYTES}: make one with openssl rand -hex 32`,
    );
  return { id: given.id, key };
}

/** One line for each, as compilers write them. */
export function listOf(file: string, errors: FieldError[]): string {
  return errors
    .slice(0, ERRORS_SHOWN)
    .map(({ line, column, path, message }) => `${file}:${line ?? 1}:${column ?? 1} ${path}: ${message}`)
    .join('\n');
}

function listenOn(given: string): { host: string; port: number } {
  const colon = given.lastIndexOf(':');
  const port = Number(given.slice(colon + 1));
  if (port > 65_535) throw new SettingsError(`relay.listen ${given}: there is no such port`);
  return { host: given.slice(0, colon).replace(/^\[|\]$/g, ''), port };
}
