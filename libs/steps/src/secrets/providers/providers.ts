/** Every place where a secret can lie. */
import { SecretProblem } from '../secret-problem.js';
import type { SecretProviders } from '../secret-store.js';
import { readAws } from './aws.js';
import { readAzure } from './azure.js';
import { readGcp } from './gcp.js';
import { readLocal } from './local.js';
import { Vault } from './vault.js';
import type { VaultSettings } from './vault-settings.js';

/** `onToken` hears what the providers log in with, to mask it. */
export function secretProviders(
  vault: VaultSettings | undefined,
  onToken: (token: string) => void,
): SecretProviders {
  const client = vault && new Vault(vault, onToken);
  return {
    env: readLocal,
    file: readLocal,
    vault: async (reference, signal) => {
      if (!client)
        throw new SecretProblem(
          'no Vault is set: give the setting vault, or VAULT_ADDR and VAULT_TOKEN',
          false,
        );
      return client.read(reference, signal);
    },
    'aws-sm': readAws,
    'azure-kv': readAzure,
    'gcp-sm': readGcp,
  };
}
