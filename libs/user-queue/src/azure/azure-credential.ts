import type { TokenCredential } from '@azure/identity';
import { needsCredential, type Place } from '../place.js';
import { QueueError } from '../user-queue.js';

/** Of the public cloud, of China and of the government of the United States. */
const CLOUDS = /\.(windows\.net|azure\.net|chinacloudapi\.cn|azure\.cn|usgovcloudapi\.net|azure\.us)$/;

/** Who this machine is: environment, workload identity, managed identity, `az login`. */
export async function ownIdentity(place: Place): Promise<TokenCredential> {
  if (!CLOUDS.test(place.host)) throw needsCredential(place.host, 'Azure');
  const { DefaultAzureCredential } = await import('@azure/identity');
  return new DefaultAzureCredential();
}

/** `Key=value;Key=value` */
export function connectionParts(text: string): Map<string, string> {
  return new Map(
    text.split(';').flatMap((part): [string, string][] => {
      const at = part.indexOf('=');
      return at > 0 ? [[part.slice(0, at).trim(), part.slice(at + 1).trim()]] : [];
    }),
  );
}

export const wrongForm = (form: string): QueueError =>
  new QueueError('queue_misconfigured', `the credential has an unknown form: it must be ${form}`);
