/** The agent's secrets, as its settings tell where they lie. */
import {
  loadSecrets,
  readSecretRules,
  readVaultSettings,
  secretProviders,
  SecretStore,
  type Masker,
  type SourceSettings,
} from '@hybrid/steps';
import { join } from 'node:path';
import type { Notify } from './notices.js';
import type { Settings } from './settings.js';

/** Throws SecretsFileError or VaultSettingsError. */
export async function openSecrets(
  { secretsFile, secrets, vault }: Pick<Settings, 'secretsFile' | 'secrets' | 'vault'>,
  masker: Masker,
  notify: Notify,
): Promise<SecretStore> {
  const mask = (value: string): void => masker.add(value);
  return new SecretStore({
    given: await loadSecrets(secretsFile, process.env, notify),
    rules: readSecretRules(secrets),
    providers: secretProviders(readVaultSettings(vault, process.env), mask),
    onValue: mask,
  });
}

/** How sources are had, with the agent's own credentials. */
export function sourcesOf(settings: Settings, secrets: SecretStore, data: string): SourceSettings {
  return {
    depth: settings.gitDepth,
    submodules: settings.gitSubmodules,
    acceptNewHosts: settings.gitAcceptNewHosts,
    allowLocal: settings.allowLocalRepositories,
    knownHosts: settings.gitKnownHosts,
    credentials: settings.gitCredentials,
    ...(settings.gitMirrors && { mirrors: join(data, 'mirrors') }),
    secret: (name, signal) => secrets.get(name, signal),
  };
}

/** Asks for each of them, and says on stdout which cannot be had and why; the exit code is 1 if one cannot. */
export async function tellSecrets(secrets: SecretStore): Promise<void> {
  const never = new AbortController().signal;
  const lines = await Promise.all(
    secrets.names().map((name) =>
      secrets.get(name, never).then(
        () => `${name}: ok`,
        (error: Error) => {
          process.exitCode = 1;
          return `${name}: ${error.message}`;
        },
      ),
    ),
  );
  process.stdout.write(lines.length > 0 ? `${lines.join('\n')}\n` : 'this agent has no secrets\n');
}
