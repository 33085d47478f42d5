/** Clients of a queue of Azure Storage and of its side queue, and what the credential says of itself. */
import type { QueueClient } from '@azure/storage-queue';
import type { OpenOptions } from '../open.js';
import { Place } from '../place.js';
import type { AzureStorageQueue } from '../queue-config.js';
import { queueReference } from '../queue-reference.js';
import { SdkCalls } from '../sdk-calls.js';
import type { Verdict } from '../user-queue.js';
import { connectionParts, ownIdentity, wrongForm } from './azure-credential.js';
import { azureTrouble } from './azure-trouble.js';

export interface StorageQueues {
  queue: QueueClient;
  aside: QueueClient;
  /** What the credential itself says of sending to the queue. */
  maySend: Verdict;
  calls: SdkCalls;
}

const RETRIES = { maxTries: 3, tryTimeoutInMs: 10_000, retryDelayInMs: 300, maxRetryDelayInMs: 2_000 };

/**
 * The credential is a connection string, a SAS, or two SAS with a blank between them: a SAS is for one queue, the second
 * is for the side queue.
 */
export async function openStorageQueues(
  config: AzureStorageQueue,
  options: OpenOptions,
): Promise<StorageQueues> {
  const { QueueClient, StorageSharedKeyCredential } = await import('@azure/storage-queue');
  const place = Place.of(config.account_url, options);
  const url = (name: string, sas = '') =>
    `${config.account_url.replace(/\/$/, '')}/${name}${sas && `?${sas}`}`;
  const pipeline = { retryOptions: RETRIES };
  const calls = new SdkCalls(queueReference(config), azureTrouble, place);

  const text = options.credential?.trim();
  const parts = connectionParts(text ?? '');
  const [account, key] = [parts.get('AccountName'), parts.get('AccountKey')];
  if (text === undefined || (account && key)) {
    const whole = account && key ? new StorageSharedKeyCredential(account, key) : await ownIdentity(place);
    const client = (name: string) => new QueueClient(url(name), whole, pipeline);
    return {
      queue: client(config.queue),
      aside: client(config.aside),
      maySend: key ? 'allowed' : 'unknown',
      calls,
    };
  }
  const [sas, asideSas = sas] = (parts.get('SharedAccessSignature') ?? text)
    .split(/\s+/)
    .map((one) => one.replace(/^\?/, ''));
  if (!sas || !/(^|&)sig=/.test(sas)) throw wrongForm('a connection string with an account key, or a SAS');
  return {
    queue: new QueueClient(url(config.queue, sas), undefined, pipeline),
    aside: new QueueClient(url(config.aside, asideSas), undefined, pipeline),
    maySend: grants(sas, 'a'),
    calls,
  };
}

/** A signature covers its permissions, so that they can be read from it; those of a stored policy cannot. */
function grants(sas: string, permission: string): Verdict {
  const permissions = new URLSearchParams(sas).get('sp');
  if (permissions === null) return 'unknown';
  return permissions.includes(permission) ? 'allowed' : 'denied';
}
