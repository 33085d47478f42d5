/**
 * Azure Key Vault by its SDK: `azure-kv://<vault>/<name>/<version>#key`; a vault with a dot is a whole host name, for other
 * clouds. Credentials: DefaultAzureCredential (environment, workload identity, managed identity, `az login`).
 */
import { fieldOf, SecretProblem } from '../secret-problem.js';
import type { SecretReference } from '../secret-reference.js';

export async function readAzure({ path, key }: SecretReference, signal: AbortSignal): Promise<string> {
  const [vault = '', name = '', version] = path.split('/');
  const { DefaultAzureCredential } = await import('@azure/identity');
  const { SecretClient } = await import('@azure/keyvault-secrets');
  const host = vault.includes('.') ? vault : `${vault}.vault.azure.net`;
  try {
    const client = new SecretClient(`https://${host}`, new DefaultAzureCredential());
    const { value } = await client.getSecret(name, { version, abortSignal: signal });
    return fieldOf(value ?? '', key);
  } catch (cause) {
    if (cause instanceof SecretProblem) throw cause;
    const { name: kind, message, statusCode } = cause as Error & { statusCode?: number };
    const lasting =
      kind === 'CredentialUnavailableError' ||
      (statusCode !== undefined && statusCode < 500 && statusCode !== 429);
    throw new SecretProblem(`Azure says ${firstLine(message)}`, !lasting, { cause });
  }
}

/** DefaultAzureCredential tells of every way that it tried. */
function firstLine(message: string): string {
  return message.split('\n')[0]?.slice(0, 300) ?? '';
}
