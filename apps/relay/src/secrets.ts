/** Secrets by reference: a variable, a file, or a vault, read as agents read theirs. They are kept in memory only. */
import type { SecretReference, VaultReference } from '@hybrid/net-zero';
import { readSecretRules, readVaultSettings, secretProviders, Secrets, SecretStore } from '@hybrid/steps';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { SettingsError } from './settings-error.js';

/** `where` is the key of the configuration. Throws SettingsError, which names it and the reference, never a value. */
export type ReadSecret = (where: string, reference: SecretReference, signal: AbortSignal) => Promise<string>;

/** What libs/steps knows the one secret by that is asked for. */
const NAME = 'IT';

/** Files are meant from `folder`, that of the configuration; names in a vault from what the configuration says of it. */
export function secretReader(folder: string, vault: VaultReference | undefined): ReadSecret {
  return async (where, reference, signal) => {
    try {
      const from = addressOf(reference, folder, vault);
      const settings = from.startsWith('vault://')
        ? readVaultSettings(vault?.kind === 'hashicorp' ? { address: vault.address } : {}, process.env)
        : undefined;
      const store = new SecretStore({
        given: new Secrets(new Map()),
        rules: readSecretRules({ [NAME]: from }),
        providers: secretProviders(settings, () => undefined),
        onValue: () => undefined,
      });
      return await store.get(NAME, signal);
    } catch (cause) {
      signal.throwIfAborted();
      const message = (cause as Error).message
        .replace(/^the secret IT |^IT: /, '')
        .replace("agent's", "relay's");
      throw new SettingsError(`${where}: ${message}`, { cause });
    }
  };
}

/** As libs/steps writes references; `name#key` is a field of the JSON that lies there. */
function addressOf(reference: SecretReference, folder: string, vault: VaultReference | undefined): string {
  if ('env' in reference) return `env://${reference.env}`;
  if ('file' in reference) return pathToFileURL(resolve(folder, reference.file)).href;
  if (reference.vault.includes('://')) return reference.vault;
  if (!vault) throw new Error('a name in a vault needs the section vault, which says where that is');
  const [path = '', key] = reference.vault.split('#');
  const field = key === undefined ? '' : `#${key}`;
  const below = [vault.path, path].filter(Boolean).join('/');
  switch (vault.kind) {
    case 'hashicorp':
      return `vault://${below}${field}`;
    case 'aws_secrets_manager':
      return `aws-sm://${below}?region=${encodeURIComponent(vault.address)}${field}`;
    case 'azure_key_vault':
      return `azure-kv://${vault.address}/${below}${field}`;
    case 'gcp_secret_manager':
      return `gcp-sm://${vault.address}/${below}${field}`;
    case 'file':
      return pathToFileURL(resolve(folder, vault.address, below)).href + field;
  }
}
