/**
 * AWS Secrets Manager by its SDK: `aws-sm://<name or ARN>?region=…&version=…&stage=…#key`. Credentials and region come from
 * where the SDK looks: environment, profile, container, instance, web identity.
 */
import { fieldOf, SecretProblem } from '../secret-problem.js';
import type { SecretReference } from '../secret-reference.js';

/** The request itself is wrong or not allowed: another try would end alike. */
const LASTING =
  /^(AccessDenied|ResourceNotFound|InvalidRequest|InvalidParameter|Validation|Decryption|UnrecognizedClient|InvalidSignature|CredentialsProvider|ExpiredToken)/;

export async function readAws(reference: SecretReference, signal: AbortSignal): Promise<string> {
  const { path, options, key } = reference;
  // Loaded when it is needed: most agents never do.
  const { SecretsManagerClient, GetSecretValueCommand } = await import('@aws-sdk/client-secrets-manager');
  const region = options['region'] ?? /^arn:aws[\w-]*:secretsmanager:([\w-]+):/.exec(path)?.[1];
  const client = new SecretsManagerClient(region === undefined ? {} : { region });
  try {
    const answer = await client.send(
      new GetSecretValueCommand({
        SecretId: path,
        VersionId: options['version'],
        VersionStage: options['stage'],
      }),
      { abortSignal: signal },
    );
    const text = answer.SecretString ?? (answer.SecretBinary && Buffer.from(answer.SecretBinary).toString());
    return fieldOf(text ?? '', key);
  } catch (cause) {
    if (cause instanceof SecretProblem) throw cause;
    const { name, message } = cause as Error;
    throw new SecretProblem(`AWS says ${name}: ${message}`, !LASTING.test(name), { cause });
  } finally {
    client.destroy();
  }
}
