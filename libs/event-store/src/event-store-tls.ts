/** What keeps a process from the event store for good: a certificate that is not trusted, a wrong password. Said at start. */
import { AccessDeniedError, type EventStoreDBClient } from '@eventstore/db-client';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { readWithin } from './read-within.js';

/** A server that does not answer by then is away, which mends itself. */
const GREETING_MS = 2_000;
const DEFAULT_PORT = 2113;

interface Tls {
  host: string;
  port: number;
  ca: Buffer | undefined;
}

/** How the first server of a connection string is reached by TLS; undefined without TLS, or where nothing is verified. */
export function tlsOf(url: string): Tls | undefined {
  const [, host = '', port] = /^[\w+]+:\/\/(?:[^@/]*@)?(\[[^\]]*\]|[^:,/?]+)(?::(\d+))?/.exec(url) ?? [];
  // The client takes its parameters in any case, too.
  const parameters = new Map(
    [...new URLSearchParams(url.split('?')[1] ?? '')].map(([name, value]) => [name.toLowerCase(), value]),
  );
  if (parameters.get('tls') === 'false' || parameters.get('tlsverifycert') === 'false') return undefined;
  const caFile = parameters.get('tlscafile');
  return {
    host: host.replace(/^\[|\]$/g, ''),
    port: Number(port ?? DEFAULT_PORT),
    ca: caFile ? readCertificate(caFile) : undefined,
  };
}

function readCertificate(path: string): Buffer {
  let pem: Buffer;
  try {
    pem = readFileSync(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Error(`EVENTSTORE_URL: its tlsCaFile ${path} cannot be read (${code})`, { cause });
  }
  try {
    if (!pem.includes('-----BEGIN ')) throw new Error('no PEM');
    void new X509Certificate(pem);
    return pem;
  } catch (cause) {
    throw new Error(`EVENTSTORE_URL: its tlsCaFile ${path} is not a certificate in PEM form (-----BEGIN …)`, {
      cause,
    });
  }
}

/**
 * Reads one event. Resolves also where the event store is away, as it comes back by itself.
 * @throws Error that names the setting, where user, password or certificate are refused.
 */
export async function greetEventStore(client: EventStoreDBClient, url: string): Promise<void> {
  try {
    for await (const _ of readWithin(GREETING_MS, client.readAll({ maxCount: 1 })));
  } catch (cause) {
    if (cause instanceof AccessDeniedError)
      throw new Error(
        'the event store refuses the user or password of EVENTSTORE_URL, or does not let this user read $all',
        { cause },
      );
    const tls = tlsOf(url);
    const reason = tls && (await distrust(tls));
    if (reason)
      throw new Error(
        `the event store at ${tls.host}:${tls.port} has a certificate that is not trusted (${reason}): check EVENTSTORE_URL and its tlsCaFile`,
        { cause },
      );
  }
}

/** gRPC tells the reason in words only; a handshake of our own has a code. */
function distrust({ host, port, ca }: Tls): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, ca, ...(/[a-z]/i.test(host) && { servername: host }) }, () => end());
    const end = (reason?: string) => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(GREETING_MS, () => end());
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      end(code && /CERT|SSL|TLS|SIGNATURE|ISSUER/.test(code) ? code : undefined),
    );
  });
}
