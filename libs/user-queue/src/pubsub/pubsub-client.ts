/** Clients of Google Pub/Sub: the plain ones of each call, none that streams in the background. */
import type { v1 } from '@google-cloud/pubsub';
import type { OpenOptions } from '../open.js';
import { needsCredential, Place } from '../place.js';
import type { PubSubQueue } from '../queue-config.js';
import { queueReference } from '../queue-reference.js';
import { codeOf, isNetwork, SdkCalls, type Trouble } from '../sdk-calls.js';
import { QueueError } from '../user-queue.js';

type ClientOptions = ConstructorParameters<typeof v1.PublisherClient>[0];

export interface PubSubClients {
  publisher: v1.PublisherClient;
  subscriber: v1.SubscriberClient;
  topic: string;
  subscription: string;
  aside: string;
  calls: SdkCalls;
  close(): Promise<void>;
}

/**
 * The credential is the JSON of a service account's key. An endpoint without one is an emulator: reached in plain text; a
 * credential travels by TLS alone.
 */
export async function openPubSub(config: PubSubQueue, options: OpenOptions): Promise<PubSubClients> {
  const { PubSub, v1 } = await import('@google-cloud/pubsub');
  const { project, endpoint } = config;
  const credentials = options.credential === undefined ? undefined : serviceAccount(options.credential);
  const place =
    endpoint === undefined ? undefined : Place.of(`${credentials ? 'https' : 'http'}://${endpoint}`, options);
  if (place && !credentials && !place.isLoopback && !options.allowPlainText)
    throw needsCredential(place.host, 'Google');
  const [apiEndpoint, port] = endpoint?.split(':') ?? [];
  const client =
    place && !credentials
      ? ((await new PubSub({
          projectId: project,
          apiEndpoint: endpoint,
          emulatorMode: true,
        }).getClientConfig()) as ClientOptions)
      : {
          projectId: project,
          credentials,
          ...(place && { apiEndpoint, port: Number(port) }),
          fallback: false,
        };
  const publisher = new v1.PublisherClient(client);
  const subscriber = new v1.SubscriberClient(client);
  return {
    publisher,
    subscriber,
    topic: `projects/${project}/topics/${config.topic}`,
    subscription: `projects/${project}/subscriptions/${config.subscription}`,
    aside: `projects/${project}/topics/${config.aside}`,
    calls: new SdkCalls(queueReference(config), googleTrouble, place),
    close: async () => {
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  };
}

/** One try: the SDK would go on behind our back, and take messages for nobody. */
export const once = (timeout: number) => ({ timeout, retry: { retryCodes: [] as number[] } as never });
export const CALL_MS = 12_000;

/** Only the key of a service account: other kinds name files, programs and hosts that would be read, run and asked. */
function serviceAccount(text: string): { client_email: string; private_key: string } {
  let found: Record<string, unknown> = {};
  try {
    found = JSON.parse(text) as typeof found;
  } catch {
    // Told below, without a piece of the text.
  }
  const { type, client_email: email, private_key: key } = found ?? {};
  if (type !== 'service_account' || typeof email !== 'string' || typeof key !== 'string')
    throw new QueueError(
      'queue_misconfigured',
      'the credential of Google must be the JSON of a key of a service account',
    );
  return { client_email: email, private_key: key };
}

/** By the codes of gRPC. */
const PROBLEMS: Record<number, [Trouble['problem'], string]> = {
  3: ['queue_misconfigured', 'INVALID_ARGUMENT'],
  4: ['queue_unavailable', 'DEADLINE_EXCEEDED'],
  5: ['queue_missing', 'NOT_FOUND'],
  7: ['queue_denied', 'PERMISSION_DENIED'],
  8: ['queue_unavailable', 'RESOURCE_EXHAUSTED'],
  9: ['queue_misconfigured', 'FAILED_PRECONDITION'],
  14: ['queue_unavailable', 'UNAVAILABLE'],
  16: ['queue_denied', 'UNAUTHENTICATED'],
};

function googleTrouble(error: unknown): Trouble {
  const { code, name } = error as { code?: unknown; name?: string };
  if (isNetwork(code)) return { problem: 'queue_unavailable', code: codeOf(code) };
  const [problem, told] = PROBLEMS[Number(code)] ?? ['queue_unavailable', codeOf(code, name)];
  return { problem, code: told, unknownCaller: told === 'UNAUTHENTICATED' };
}
