/** Clients of a namespace topic of Azure Event Grid and of its queue subscription. */
import type { EventGridReceiverClient, EventGridSenderClient } from '@azure/eventgrid-namespaces';
import type { OpenOptions } from '../open.js';
import { Place } from '../place.js';
import type { AzureEventGridQueue } from '../queue-config.js';
import { queueReference } from '../queue-reference.js';
import { SdkCalls } from '../sdk-calls.js';
import type { Verdict } from '../user-queue.js';
import { ownIdentity, wrongForm } from './azure-credential.js';
import { azureTrouble } from './azure-trouble.js';

export interface EventGrid {
  sender: EventGridSenderClient;
  receiver: EventGridReceiverClient;
  /** An access key is for everything; an identity has roles. */
  byKey: boolean;
  calls: SdkCalls;
}

const SERVICE_PRINCIPAL = /^([0-9a-f-]{36}):([0-9a-f-]{36}):(\S+)$/i;

/** The credential is an access key, or `tenant id:client id:client secret` of a service principal. */
export async function openEventGrid(config: AzureEventGridQueue, options: OpenOptions): Promise<EventGrid> {
  const sdk = await import('@azure/eventgrid-namespaces');
  const { endpoint, topic, subscription } = config;
  const place = Place.of(endpoint, options);
  const text = options.credential?.trim();
  const [, tenant = '', client = '', secret = ''] = SERVICE_PRINCIPAL.exec(text ?? '') ?? [];
  const byKey = text !== undefined && !secret;
  if (byKey && !/^[\w+/=-]+$/.test(text))
    throw wrongForm('an access key, or "tenant id:client id:client secret"');
  const credential = byKey
    ? new sdk.AzureKeyCredential(text)
    : secret
      ? new (await import('@azure/identity')).ClientSecretCredential(tenant, client, secret)
      : await ownIdentity(place);
  const pipeline = {
    retryOptions: { maxRetries: 2, retryDelayInMs: 300, maxRetryDelayInMs: 2_000 },
    // Place refused plain text that is not wanted.
    allowInsecureConnection: endpoint.startsWith('http:'),
  };
  return {
    sender: new sdk.EventGridSenderClient(endpoint, credential, topic, pipeline),
    receiver: new sdk.EventGridReceiverClient(endpoint, credential, topic, subscription, pipeline),
    byKey,
    calls: new SdkCalls(queueReference(config), azureTrouble, place),
  };
}

/**
 * An event without source and type, which is never taken. Whoever may not send is denied. Who has the key may; of an
 * identity it proves nothing to come as far, since it is not said what is looked at first.
 */
export async function trySending({ sender, byKey, calls }: EventGrid): Promise<Verdict> {
  const seen = await calls.verdict(
    { what: 'see whether events may be sent', grant: 'the role EventGrid Data Sender on the topic' },
    (abortSignal) => sender.sendEvents([{ type: '', source: '', id: '' }], { abortSignal }),
    /^$/,
  );
  return seen === 'unknown' && byKey ? 'allowed' : seen;
}
