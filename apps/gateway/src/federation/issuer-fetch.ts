/**
 * One GET of an issuer. Over node:http(s), since that is told how to resolve names: the address that is checked is the one
 * that is connected to, however soon the name stands for another.
 */
import { problem } from '@hybrid/contracts';
import { isPrivateAddress, isPrivateHost } from '@hybrid/service';
import { lookup, type LookupAddress, type LookupAllOptions } from 'node:dns';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';

/** As `dns.lookup`. */
export type Resolve = (
  hostname: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface IssuerRequest {
  url: URL;
  headers: Record<string, string>;
  signal?: AbortSignal | null;
  maxBytes: number;
  /** Whether it may be of this machine or of a private network. */
  mayBePrivate: boolean;
  resolve?: Resolve;
}

/**
 * The text of an answer of 200, and from nowhere else: redirects are not followed. @throws ProblemError
 * `workload_issuer_private`; the signal's reason; what the connection said.
 */
export async function fetchOfIssuer(asked: IssuerRequest): Promise<string> {
  try {
    const response = await open(asked);
    const { statusCode: status = 0 } = response;
    if (status === 200) return await textOf(response, asked.maxBytes);
    response.destroy();
    throw new Error(`it answers ${status}${status >= 300 && status < 400 ? ', and is not followed' : ''}`);
  } catch (error) {
    asked.signal?.throwIfAborted();
    throw error;
  }
}

function open({
  url,
  headers,
  signal,
  mayBePrivate,
  resolve = lookup,
}: IssuerRequest): Promise<IncomingMessage> {
  // Addresses are connected to without a lookup.
  if (!mayBePrivate && isPrivateHost(url)) throw privateIssuer();
  return new Promise((answered, failed) => {
    const options = {
      headers: { ...headers, 'accept-encoding': 'identity' },
      signal: signal ?? undefined,
      // No connection but its own, which was checked.
      agent: false,
      lookup: mayBePrivate ? (resolve as LookupFunction) : publicOnly(resolve),
    } as const;
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    send(url, options, answered).on('error', failed).end();
  });
}

/** Refuses a name that has a private address among its addresses. */
export function publicOnly(resolve: Resolve): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error || !first) return done(error ?? new Error('its host has no address'), '');
      if (addresses.some(({ address }) => isPrivateAddress(address))) return done(privateIssuer(), '');
      if (options.all) done(null, addresses);
      else done(null, first.address, first.family);
    });
  };
}

/** Not which address: whoever asks may not know what our names stand for. */
function privateIssuer() {
  return problem(
    'unauthenticated',
    'workload_issuer_private',
    'the issuer of this token, or its keys, is at an address of this machine or of a private network, and the gateway asks only public ones: set HYBRID_PRIVATE_ISSUERS=yes at the gateways where every administrator of an organisation may have them ask there',
  );
}

async function textOf(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) throw new Error(`it answers more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
