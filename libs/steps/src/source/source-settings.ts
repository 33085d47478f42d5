/** How sources are had: the agent's settings, and what `hybrid exec` does without any. */

export interface HostCredential {
  /** For https. */
  username?: string;
  /** Name of the secret that holds the password or token, for https. */
  password?: string;
  /** Name of the secret that holds the private key, for ssh. */
  'ssh-key'?: string;
}

export interface SourceSettings {
  /** Commits of history; 0 for all of it. */
  depth: number;
  /** Whether submodules are fetched, too. */
  submodules: boolean;
  /** Whether hosts that are not in known_hosts are believed the first time. */
  acceptNewHosts: boolean;
  /** Whether a repository may be a path of this machine. */
  allowLocal: boolean;
  /** Instead of ~/.ssh/known_hosts. */
  knownHosts?: string;
  /** By host, host:port or a whole origin such as http://git.example.com:3000. */
  credentials: Record<string, HostCredential>;
  /** Folder for copies of repositories, so that each is fetched once; none are kept where it is left out. */
  mirrors?: string;
  /** Value of a secret of the agent. */
  secret(name: string, signal: AbortSignal): Promise<string>;
}

export const PLAIN_SOURCES: SourceSettings = {
  depth: 1,
  submodules: false,
  acceptNewHosts: false,
  allowLocal: true,
  credentials: {},
  secret: () => Promise.reject(new Error('there are no secrets')),
};

export class SourceSettingsError extends Error {
  override readonly name = 'SourceSettingsError';
}

const SECRET = /^[A-Za-z_][A-Za-z0-9_]*$/;
const HOST = /^(https?:\/\/)?[A-Za-z0-9.-]+(:\d{1,5})?$/;

/** `{host: SECRET}` or `{host: {username, password, ssh-key}}`, where both are names of secrets. Throws SourceSettingsError. */
export function readCredentials(given: Record<string, unknown>): Record<string, HostCredential> {
  return Object.fromEntries(
    Object.entries(given).map(([host, value]) => {
      if (!HOST.test(host)) throw new SourceSettingsError(`${host} must be a host such as github.com`);
      return [host, typeof value === 'string' ? { password: secretName(host, value) } : readOne(host, value)];
    }),
  );
}

function readOne(host: string, value: unknown): HostCredential {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new SourceSettingsError(
      `${host} must be the name of a secret, or username and password, or ssh-key`,
    );
  const { username, password, 'ssh-key': key, ...rest } = value as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined)
    throw new SourceSettingsError(`${host}: there is no ${unknown}, only username, password and ssh-key`);
  if (username !== undefined && (typeof username !== 'string' || /[\s]/.test(username)))
    throw new SourceSettingsError(`${host}: username must be a text without spaces`);
  if (password === undefined && key === undefined)
    throw new SourceSettingsError(`${host}: password or ssh-key must name a secret`);
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password: secretName(host, password) }),
    ...(key !== undefined && { 'ssh-key': secretName(host, key) }),
  };
}

function secretName(host: string, value: unknown): string {
  if (typeof value === 'string' && SECRET.test(value)) return value;
  // It may be the token itself.
  throw new SourceSettingsError(`${host}: a secret is named, as in "secrets" of the settings, not given`);
}
