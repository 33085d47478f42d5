/**
 * HashiCorp Vault, KV version 1 and 2, over its HTTP API: `vault://<path as in the API>?version=…#key`, so
 * `vault://secret/data/ci#token` for version 2 and `vault://secret/ci#token` for version 1.
 */
import { readFile } from 'node:fs/promises';
import { SecretProblem, textAt } from '../secret-problem.js';
import type { SecretReference } from '../secret-reference.js';
import { vaultRequest, type VaultAnswer } from './vault-request.js';
import type { VaultSettings } from './vault-settings.js';

/** Share of a token's life after which a new one is had. */
const RENEW_AFTER = 0.8;

interface Login {
  token: string;
  /** By performance.now(). */
  until: number;
}

export class Vault {
  #login: Promise<Login> | null = null;

  constructor(
    private readonly settings: VaultSettings,
    /** Hears every token, to mask it. */
    private readonly onToken: (token: string) => void,
  ) {}

  async read(reference: SecretReference, signal: AbortSignal): Promise<string> {
    const { path, options, key = '' } = reference;
    const query =
      options['version'] === undefined ? '' : `?version=${encodeURIComponent(options['version'])}`;
    const address = path.split('/').map(encodeURIComponent).join('/') + query;
    let answer = await this.#get(address, await this.#token(signal), signal);
    if (answer.status === 403 && this.settings.auth.method !== 'token') {
      // The token may have been revoked: one that was made by a login can be made anew.
      this.#login = null;
      answer = await this.#get(address, await this.#token(signal), signal);
    }
    if (answer.status !== 200) throw problemOf(answer, 'it');
    return valueOf(answer, key);
  }

  async #get(address: string, token: string, signal: AbortSignal): Promise<VaultAnswer> {
    return vaultRequest(this.settings, { method: 'GET', path: address, token }, signal);
  }

  async #token(signal: AbortSignal): Promise<string> {
    const login = await this.#login?.catch(() => null);
    if (login && performance.now() < login.until) return login.token;
    const next = this.#logIn(signal);
    this.#login = next;
    return (await next).token;
  }

  async #logIn(signal: AbortSignal): Promise<Login> {
    const { auth } = this.settings;
    if (auth.method === 'token') {
      const token = auth.token ?? (await secretText(auth.tokenFile!));
      this.onToken(token);
      // From a file it is read anew each time: Vault's own agent renews it there.
      return { token, until: auth.token === undefined ? 0 : Infinity };
    }
    const json =
      auth.method === 'approle'
        ? { role_id: auth.roleId, secret_id: await secretText(auth.secretIdFile) }
        : { role: auth.role, jwt: await secretText(auth.jwtFile) };
    const path = `auth/${auth.mount}/login`;
    const answer = await vaultRequest(this.settings, { method: 'POST', path, json }, signal);
    const { client_token: token, lease_duration: seconds = 0 } = answer.body.auth ?? {};
    if (answer.status !== 200 || !token) throw problemOf(answer, `the login with ${auth.method}`);
    this.onToken(token);
    return {
      token,
      until: seconds === 0 ? Infinity : performance.now() + seconds * 1000 * RENEW_AFTER,
    };
  }
}

/** Version 2 wraps the values once more, beside their metadata. */
function valueOf({ body }: VaultAnswer, key: string): string {
  const data = body.data ?? {};
  const inner = data['data'];
  const isVersion2 = 'metadata' in data && typeof inner === 'object';
  return textAt(isVersion2 ? inner : data, key);
}

/** What Vault says in `errors` and `warnings`; never what it answers in `data`. */
function problemOf({ status, body }: VaultAnswer, what: string): SecretProblem {
  const said = [...(body.errors ?? []), ...(body.warnings ?? [])].join('; ').trim().slice(0, 300);
  const meaning: Record<number, string> = {
    400: `Vault refuses ${what} (400)`,
    403: `Vault does not allow ${what} (403): check the token or role and its policy`,
    404: 'there is nothing at this path (404): with version 2 of KV it is <mount>/data/<path>',
    429: 'Vault has too much to do (429)',
    503: 'Vault is sealed or under maintenance (503): unseal it',
  };
  const text = meaning[status] ?? `Vault answers ${status}`;
  return new SecretProblem(said ? `${text}; it says: ${said}` : text, status === 429 || status >= 500);
}

async function secretText(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new SecretProblem(`the login at Vault needs a file: ${(cause as Error).message}`, false, { cause });
  }
}
