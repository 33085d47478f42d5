/** A connection to a namespace of Azure Service Bus. */
import type { ServiceBusClient } from '@azure/service-bus';
import type { OpenOptions } from '../open.js';
import { Place } from '../place.js';
import type { AzureServiceBusQueue } from '../queue-config.js';
import { queueReference } from '../queue-reference.js';
import { codeOf, SdkCalls, type Trouble } from '../sdk-calls.js';
import { QueueError } from '../user-queue.js';
import { connectionParts, ownIdentity, wrongForm } from './azure-credential.js';

export interface ServiceBus {
  client: ServiceBusClient;
  calls: SdkCalls;
}

const RETRIES = { maxRetries: 1, retryDelayInMs: 300, timeoutInMs: 10_000 };

/** The credential is a connection string of the configured namespace: a policy with one right, of the one queue. */
export async function openServiceBus(
  config: AzureServiceBusQueue,
  options: OpenOptions,
): Promise<ServiceBus> {
  const { ServiceBusClient } = await import('@azure/service-bus');
  const { namespace } = config;
  const text = options.credential?.trim();
  const parts = connectionParts(text ?? '');
  // Of Microsoft's emulator, which speaks plain text, on a port of its own.
  const emulator = parts.get('UseDevelopmentEmulator') === 'true';
  const place = Place.of(`${emulator ? 'http' : 'https'}://${namespace}`, options);
  const retry = { retryOptions: RETRIES };
  const calls = new SdkCalls(queueReference(config), serviceBusTrouble, place);
  if (text === undefined)
    return { client: new ServiceBusClient(namespace, await ownIdentity(place), retry), calls };

  const [, host, port = ''] = /^sb:\/\/([^/:]+)(:\d+)?\/?$/.exec(parts.get('Endpoint') ?? '') ?? [];
  const signed = ['SharedAccessKeyName', 'SharedAccessKey', 'SharedAccessSignature'].filter((name) =>
    parts.get(name),
  );
  if (!host || signed.length === 0)
    throw wrongForm('a connection string with a shared access key or signature');
  if (host !== namespace)
    throw new QueueError(
      'queue_misconfigured',
      `the connection string is of another namespace than ${namespace}`,
    );
  const known = [
    `Endpoint=sb://${host}${emulator ? port : ''}/`,
    ...signed.map((name) => `${name}=${parts.get(name)}`),
    ...(emulator ? ['UseDevelopmentEmulator=true'] : []),
  ];
  return { client: new ServiceBusClient(known.join(';'), retry), calls };
}

function serviceBusTrouble(failure: unknown): Trouble {
  // Of several tries the last says most.
  const error: unknown = failure instanceof AggregateError ? failure.errors.at(-1) : failure;
  const { code, name, message = '' } = error as { code?: unknown; name?: string; message?: string };
  const told = codeOf(code, name);
  if (name === 'CredentialUnavailableError' || name === 'AuthenticationError')
    return { problem: 'queue_denied', code: told, unknownCaller: true };
  switch (told) {
    case 'UnauthorizedAccess':
      // The answer to the token itself, and to what is asked with it, have one code.
      return {
        problem: 'queue_denied',
        code: told,
        unknownCaller: /status-code: 401|InvalidSignature|ExpiredToken/.test(message),
      };
    case 'MessagingEntityNotFound':
      return { problem: 'queue_missing', code: told };
    case 'MessageSizeExceeded':
    case 'MessagingEntityDisabled':
      return { problem: 'queue_misconfigured', code: told };
    default:
      return { problem: 'queue_unavailable', code: told };
  }
}
