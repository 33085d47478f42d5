/**
 * GCP Secret Manager by its SDK: `gcp-sm://<project>/<name>/<version>#key`, `latest` unless told. Credentials: those of the
 * machine (GOOGLE_APPLICATION_CREDENTIALS, workload identity, metadata server).
 */
import { fieldOf, SecretProblem } from '../secret-problem.js';
import type { SecretReference } from '../secret-reference.js';

/** gRPC codes after which another try may help: UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE. */
const PASSING = [2, 4, 8, 10, 13, 14];

export async function readGcp({ path, key }: SecretReference): Promise<string> {
  const [project = '', name = '', version = 'latest'] = path.split('/');
  const { SecretManagerServiceClient } = await import('@google-cloud/secret-manager');
  // Not by REST, which knows no proxy in this SDK.
  const client = new SecretManagerServiceClient();
  try {
    const [answer] = await client.accessSecretVersion({
      name: `projects/${project}/secrets/${name}/versions/${version}`,
    });
    const data = answer.payload?.data ?? '';
    return fieldOf(
      typeof data === 'string' ? Buffer.from(data, 'base64').toString() : Buffer.from(data).toString(),
      key,
    );
  } catch (cause) {
    if (cause instanceof SecretProblem) throw cause;
    const { code, message } = cause as Error & { code?: number };
    throw new SecretProblem(
      `Google says ${message.split('\n')[0]}`,
      code !== undefined && PASSING.includes(code),
      {
        cause,
      },
    );
  } finally {
    await client.close().catch(() => undefined);
  }
}
