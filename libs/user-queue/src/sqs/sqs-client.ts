/** A client of AWS SQS, and who it is. */
import type { AwsCredentialIdentity } from '@aws-sdk/types';
import type * as Sdk from '@aws-sdk/client-sqs';
import { QueueError } from '../user-queue.js';
import type { SqsQueue } from '../queue-config.js';
import type { OpenOptions } from '../open.js';
import { needsCredential, Place } from '../place.js';
import { queueReference } from '../queue-reference.js';
import { codeOf, isNetwork, SdkCalls, type Trouble } from '../sdk-calls.js';

export type SqsSdk = typeof Sdk;

export interface Sqs {
  sdk: SqsSdk;
  client: Sdk.SQSClient;
  calls: SdkCalls;
}

/** `role`: taken by the control plane, with the external id of the organisation. */
export async function openSqs(config: SqsQueue, options: OpenOptions, role?: string): Promise<Sqs> {
  // Loaded when it is needed: most installations never do.
  const sdk = await import('@aws-sdk/client-sqs');
  const place = config.endpoint === undefined ? undefined : Place.of(config.endpoint, options);
  if (place && options.credential === undefined) throw needsCredential(place.host, 'AWS');
  const own = options.credential === undefined ? undefined : awsCredential(options.credential);
  const client = new sdk.SQSClient({
    ...connection(config),
    // Else the SDK sends what it signed to whatever host stands in the URL of the queue.
    useQueueUrlAsEndpoint: false,
    credentials: role === undefined ? own : await assumed(role, config, options.externalId, place, own),
  });
  return { sdk, client, calls: new SdkCalls(queueReference(config), awsTrouble, place) };
}

const connection = ({ region, endpoint }: SqsQueue) => ({
  region,
  endpoint,
  maxAttempts: 3,
  // Long polling takes up to 20 s of silence.
  requestHandler: { connectionTimeout: 5_000, requestTimeout: 30_000 },
});

/** `key id:secret[:session token]` */
function awsCredential(text: string): AwsCredentialIdentity {
  const [accessKeyId, secretAccessKey, sessionToken, ...more] = text.trim().split(':');
  if (!accessKeyId || !secretAccessKey || more.length > 0)
    throw new QueueError(
      'queue_misconfigured',
      'the credential of AWS must be "key id:secret" or "key id:secret:session token"',
    );
  return { accessKeyId, secretAccessKey, sessionToken };
}

async function assumed(
  role: string,
  config: SqsQueue,
  externalId: string | undefined,
  place: Place | undefined,
  credentials: AwsCredentialIdentity | undefined,
): Promise<() => Promise<AwsCredentialIdentity>> {
  if (!externalId)
    throw new QueueError(
      'queue_misconfigured',
      `the role ${role} is taken with an external id only, and none was handed in`,
    );
  const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/client-sts');
  const calls = new SdkCalls(`sts, for the role ${role},`, awsTrouble, place);
  const grant = `sts:AssumeRole on ${role} to the control plane, with the condition sts:ExternalId = ${externalId}`;
  // The SDK asks again shortly before the credentials expire.
  return () =>
    calls.run({ what: 'take the role', grant }, async (abortSignal) => {
      const client = new STSClient({ ...connection(config), credentials });
      try {
        const { Credentials: given } = await client.send(
          new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'hybrid', ExternalId: externalId }),
          { abortSignal },
        );
        return {
          accessKeyId: given?.AccessKeyId ?? '',
          secretAccessKey: given?.SecretAccessKey ?? '',
          sessionToken: given?.SessionToken,
          expiration: given?.Expiration,
        };
      } finally {
        client.destroy();
      }
    });
}

const UNKNOWN_CALLER =
  /InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidSignature|ExpiredToken|MissingAuthenticationToken|CredentialsProviderError/;
const DENIED = /AccessDenied|InvalidSecurity|Kms/i;

function awsTrouble(error: unknown): Trouble {
  const { name, Code, code, $metadata } = error as Record<string, unknown> & {
    $metadata?: { httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  // "AWS.SimpleQueueService.X" and "com.amazonaws.sqs#X" are X.
  const told = codeOf(String(Code ?? name).replace(/^.*[.#]/, ''));
  if (UNKNOWN_CALLER.test(told)) return { problem: 'queue_denied', code: told, unknownCaller: true };
  if (isNetwork(code)) return { problem: 'queue_unavailable', code: codeOf(code) };
  if (/NonExistentQueue|QueueDoesNotExist/.test(told)) return { problem: 'queue_missing', code: told };
  if (DENIED.test(told) || status === 401 || status === 403) return { problem: 'queue_denied', code: told };
  const passing = status === undefined || status >= 500 || /Throttl|OverLimit|TooMany/i.test(told);
  return { problem: passing ? 'queue_unavailable' : 'queue_misconfigured', code: told };
}
