/** Which control plane, and with which token. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { savedToken } from './credentials.js';
import { UsageError } from './errors.js';

export interface ConnectionOptions {
  url?: string;
  tokenFile?: string;
  organisation?: string;
}

export interface Connection {
  /** Without a slash at its end. */
  url: string;
  token: string | undefined;
  organisation: string | undefined;
  /** Where the token was found, if that was a file. */
  tokenFile?: string;
}

const DEFAULT_URL = 'http://127.0.0.1:8080';

/**
 * Flags win over the environment, and both over `hybrid login`; without any of them, the token that `npm start` leaves in
 * its data directory.
 */
export function resolveConnection(options: ConnectionOptions, env: NodeJS.ProcessEnv): Connection {
  const text = options.url ?? (env['HYBRID_URL'] || DEFAULT_URL);
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new UsageError(
      `"${text}" is not a URL; expected something like ${DEFAULT_URL} (--url, HYBRID_URL)`,
      { cause },
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new UsageError(`"${text}" is neither http nor https (--url, HYBRID_URL)`);
  }
  const plain = url.href.replace(/\/+$/, '');
  return {
    url: plain,
    ...resolveToken(plain, options, env),
    organisation: options.organisation ?? (env['HYBRID_ORGANISATION'] || undefined),
  };
}

function resolveToken(
  url: string,
  options: ConnectionOptions,
  env: NodeJS.ProcessEnv,
): Pick<Connection, 'token' | 'tokenFile'> {
  const told = options.tokenFile;
  if (told) return { token: readToken(told, '--token-file'), tokenFile: told };
  if (env['HYBRID_TOKEN']) return { token: env['HYBRID_TOKEN'] };
  const set = env['HYBRID_TOKEN_FILE'];
  if (set) return { token: readToken(set, 'HYBRID_TOKEN_FILE'), tokenFile: set };
  const session = savedToken(url, env);
  if (session !== undefined) return { token: session };
  const left = join(env['HYBRID_DATA'] || '.data', 'admin-token');
  try {
    const token = readFileSync(left, 'utf8').trim();
    return token ? { token, tokenFile: left } : { token: undefined };
  } catch {
    return { token: undefined };
  }
}

function readToken(file: string, setting: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim();
    if (token) return token;
  } catch (cause) {
    throw new UsageError(`the token file ${file} (${setting}) cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
  throw new UsageError(`the token file ${file} (${setting}) is empty`);
}
