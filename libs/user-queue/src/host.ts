/** Where a connection may go: the control plane opens queues that its tenants name, so each address is asked about. */
import { lookup as resolve } from 'node:dns/promises';
import { isIP } from 'node:net';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { dial } from './line.js';
import type { OpenOptions } from './open.js';
import { QueueError } from './user-queue.js';

export interface Endpoint {
  host: string;
  port: number;
  /** Undefined: plain text. */
  tls?: ConnectionOptions;
}

/** Of a URL such as `tls://host:4222`. @throws QueueError `queue_misconfigured`; the URL stands in no message: it may hold a password. */
export function endpointOf(
  text: string,
  { plain, secure, port }: { plain: string; secure: string; port: number },
): Endpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || ![plain, secure].includes(url.protocol) || !url.hostname)
    throw new QueueError('queue_misconfigured', `the queue's url must begin with ${plain}// or ${secure}//`);
  if (url.username || url.password || url.search)
    throw new QueueError(
      'queue_misconfigured',
      "the queue's url holds a user, a password or a query: hand the credential over apart from it",
    );
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: url.port ? Number(url.port) : port,
    // Connected to by address, and checked by name.
    ...(url.protocol === secure && {
      tls: {
        servername: isIP(host) ? undefined : host,
        checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
      },
    }),
  };
}

/**
 * The addresses of a host that may be connected to: to connect by these, and not by the name, is what keeps a name from
 * standing for another address once it was checked. @throws QueueError
 */
export async function addressesOf(
  { host, tls }: Endpoint,
  { allowHost, allowPlainText }: OpenOptions,
): Promise<string[]> {
  const found = await resolve(host, { all: true }).catch((cause: NodeJS.ErrnoException) => {
    throw new QueueError(
      'queue_unavailable',
      `the name ${host} cannot be resolved (${cause.code ?? 'unknown'})`,
      { cause },
    );
  });
  const addresses = found.map(({ address }) => address);
  // Not which address: whoever names the queue may not learn what our names stand for.
  if (allowHost && !addresses.every(allowHost))
    throw new QueueError(
      'queue_misconfigured',
      `${host} is at an address that connections may not go to from here: name a public one, or have the operator allow it`,
    );
  if (!tls && !allowPlainText && !addresses.every(isLoopback))
    throw new QueueError(
      'queue_misconfigured',
      `${host} would be spoken to without TLS, so that everybody on the way reads and writes along: give the server a certificate, and the url the scheme for TLS`,
    );
  return addresses;
}

/** More addresses than these of one name are not tried: each may cost a time-out. */
const MAX_TRIED = 4;

/** Over the first address that works. Fails with what tells more than that nobody is there, if anything does. */
export async function overAny<T extends object>(
  addresses: string[],
  connect: (address: string) => Promise<T>,
): Promise<T> {
  const failures: unknown[] = [];
  for (const address of addresses.slice(0, MAX_TRIED)) {
    try {
      return await dial(() => connect(address));
    } catch (error) {
      failures.push(error);
    }
  }
  throw failures.find((error) => !/refused|ENETUNREACH/i.test((error as Error).message)) ?? failures.at(-1);
}

function isLoopback(address: string): boolean {
  return /^(127\.|::ffff:127\.|::1$)/.test(address);
}
