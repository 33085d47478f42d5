/** How Vault is reached: the agent's setting `vault`, else the variables that Vault's own programs read. */

export type VaultAuth =
  | { method: 'token'; token?: string; tokenFile?: string }
  | { method: 'approle'; mount: string; roleId: string; secretIdFile: string }
  | { method: 'kubernetes' | 'jwt'; mount: string; role: string; jwtFile: string };

export interface VaultSettings {
  /** With a slash at its end. */
  address: string;
  namespace?: string;
  /** PEM of the authority that signed its certificate. */
  caFile?: string;
  auth: VaultAuth;
}

export class VaultSettingsError extends Error {
  override readonly name = 'VaultSettingsError';
}

const KEYS = {
  token: ['token-file'],
  approle: ['mount', 'role-id', 'secret-id-file'],
  kubernetes: ['mount', 'role', 'jwt-file'],
  jwt: ['mount', 'role', 'jwt-file'],
} satisfies Record<VaultAuth['method'], string[]>;

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount/token';

/** Nothing where no Vault is set. Throws VaultSettingsError. */
export function readVaultSettings(
  given: Record<string, string>,
  env: NodeJS.ProcessEnv,
): VaultSettings | undefined {
  const address = given['address'] ?? env['VAULT_ADDR'];
  if (!address) {
    if (Object.keys(given).length > 0) throw new VaultSettingsError('address (or VAULT_ADDR) is missing');
    return undefined;
  }
  const method = given['auth'] ?? 'token';
  if (!isMethod(method)) throw new VaultSettingsError(`auth must be ${Object.keys(KEYS).join(', ')}`);
  const known = ['address', 'namespace', 'ca-file', 'auth', ...KEYS[method]];
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw new VaultSettingsError(`${unknown} is none of ${known.join(', ')} (with auth ${method})`);
  return {
    address: checkedAddress(address),
    namespace: given['namespace'] ?? env['VAULT_NAMESPACE'],
    caFile: given['ca-file'] ?? env['VAULT_CACERT'],
    auth: authOf(method, given, env),
  };
}

function isMethod(text: string): text is VaultAuth['method'] {
  return Object.hasOwn(KEYS, text);
}

function checkedAddress(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.search || url.hash)
    throw new VaultSettingsError('address must be like https://vault.example.com:8200');
  return url.href.replace(/\/*$/, '/');
}

function authOf(
  method: VaultAuth['method'],
  given: Record<string, string>,
  env: NodeJS.ProcessEnv,
): VaultAuth {
  const must = (key: string): string => {
    const value = given[key];
    if (value) return value;
    throw new VaultSettingsError(`auth ${method} needs ${key}`);
  };
  const mount = given['mount'] ?? method;
  switch (method) {
    case 'token':
      if (given['token-file']) return { method, tokenFile: given['token-file'] };
      if (env['VAULT_TOKEN']) return { method, token: env['VAULT_TOKEN'] };
      throw new VaultSettingsError('auth token needs token-file, or the variable VAULT_TOKEN');
    case 'approle':
      return { method, mount, roleId: must('role-id'), secretIdFile: must('secret-id-file') };
    case 'kubernetes':
      return { method, mount, role: must('role'), jwtFile: given['jwt-file'] ?? SERVICE_ACCOUNT };
    case 'jwt':
      return { method, mount, role: must('role'), jwtFile: must('jwt-file') };
  }
}
