/**
 * The providers that people sign in with, from HYBRID_PROVIDERS_FILE (YAML, or JSON):
 *
 *     google: { client_id: …, client_secret_file: /run/secrets/google }
 *     github: { client_id: …, client_secret_env: GITHUB_CLIENT_SECRET }
 *     acme:   { issuer: https://sso.acme.example/realms/all, title: Acme, client_id: …, client_secret_file: … }
 *
 * Secrets are in files or in the environment, never in this file.
 */
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { isLoopbackHttp } from '../loopback.js';

export interface ProviderSettings {
  name: string;
  /** For people. */
  title: string;
  client_id: string;
  /** Only an OpenID Connect client without one is fine: PKCE protects it. */
  client_secret?: string | undefined;
  scopes: string[];
  /** OpenID Connect. */
  issuer?: string;
  /** GitHub's flavour of OAuth 2: of its pages, and of its API. */
  url?: string;
  api_url?: string;
}

const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const FIELDS = [
  'kind',
  'title',
  'client_id',
  'client_secret_file',
  'client_secret_env',
  'scopes',
  'issuer',
  'url',
  'api_url',
];

const WELL_KNOWN: Record<string, { title: string; issuer?: string }> = {
  google: { title: 'Google', issuer: 'https://accounts.google.com' },
  github: { title: 'GitHub' },
};

/** @throws Error that names the setting, the provider and the field, never a secret. */
export async function readProviders(
  file: string | undefined,
  env = process.env,
): Promise<ProviderSettings[]> {
  if (!file) return [];
  const say = (what: string, cause?: unknown) =>
    new Error(`HYBRID_PROVIDERS_FILE ${file}: ${what}`, { cause });
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw say(`cannot be read: ${(cause as Error).message}`, cause);
  }
  let content: unknown;
  try {
    content = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    // The whole message would show the line, and what stands there.
    throw say(`is no YAML: ${(cause as Error).message.split('\n')[0]}`, cause);
  }
  if (!isObject(content)) throw say('must hold providers by their names');
  return Promise.all(
    Object.entries(content).map(([name, fields]) =>
      readProvider(name, fields, env).catch((cause: Error) => {
        throw say(`${name}: ${cause.message}`, cause);
      }),
    ),
  );
}

async function readProvider(
  name: string,
  fields: unknown,
  env: NodeJS.ProcessEnv,
): Promise<ProviderSettings> {
  if (!NAME.test(name) || name === 'local')
    throw new Error(
      'a name must be of small letters, digits and dashes, begin with a letter, and not be "local"',
    );
  if (!isObject(fields)) throw new Error('must have fields such as client_id');
  const unknown = Object.keys(fields).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) throw new Error(`there is no field ${unknown}; there are ${FIELDS.join(', ')}`);
  const text = (field: string): string | undefined => {
    const value = fields[field];
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || !value.trim()) throw new Error(`${field} must be a text`);
    return value.trim();
  };
  const kind = text('kind') ?? (name === 'github' ? 'github' : 'oidc');
  if (kind !== 'github' && kind !== 'oidc') throw new Error('kind must be oidc or github');
  const client_id = text('client_id');
  if (client_id === undefined) throw new Error('client_id is missing');
  const client_secret = await readSecret(text('client_secret_file'), text('client_secret_env'), env);
  const title = text('title') ?? WELL_KNOWN[name]?.title ?? name;
  const shared = { name, title, client_id, client_secret };
  if (kind === 'github') {
    if (client_secret === undefined) throw new Error('GitHub needs client_secret_file or client_secret_env');
    const url = address('url', text('url') ?? 'https://github.com');
    const api = url === 'https://github.com' ? 'https://api.github.com' : `${url}/api/v3`;
    const api_url = address('api_url', text('api_url') ?? api);
    return { ...shared, url, api_url, scopes: scopesOf(fields['scopes'], ['read:user', 'user:email']) };
  }
  const issuer = text('issuer') ?? WELL_KNOWN[name]?.issuer;
  if (issuer === undefined) throw new Error('issuer is missing');
  address('issuer', issuer);
  const scopes = scopesOf(fields['scopes'], ['openid', 'profile', 'email']);
  if (!scopes.includes('openid')) throw new Error('scopes must have openid');
  return { ...shared, issuer, scopes };
}

async function readSecret(
  file: string | undefined,
  variable: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (file !== undefined && variable !== undefined)
    throw new Error('give client_secret_file or client_secret_env, not both');
  if (file !== undefined) {
    const secret = await readFile(file, 'utf8').catch((cause: Error) => {
      throw new Error(`client_secret_file cannot be read: ${cause.message}`, { cause });
    });
    if (!secret.trim()) throw new Error(`client_secret_file ${file} is empty`);
    return secret.trim();
  }
  if (variable === undefined) return undefined;
  const secret = env[variable]?.trim();
  if (!secret) throw new Error(`client_secret_env: the variable ${variable} is not set`);
  return secret;
}

function address(field: string, text: string): string {
  if (!URL.canParse(text) || !(text.startsWith('https://') || isLoopbackHttp(text)))
    throw new Error(`${field} must be an address that begins with https://`);
  return text.replace(/\/+$/, '');
}

function scopesOf(value: unknown, otherwise: string[]): string[] {
  if (value === undefined) return otherwise;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string' && /^[\x21-\x7e]+$/.test(one)))
    return value as string[];
  throw new Error('scopes must be a list of texts without spaces');
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
