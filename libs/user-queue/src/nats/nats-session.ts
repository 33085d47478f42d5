/** A connection to NATS, and what its errors mean for a queue. */
import { JetStreamApiError } from '@nats-io/jetstream';
import {
  AuthorizationError,
  connect,
  credsAuthenticator,
  nkeyAuthenticator,
  NoRespondersError,
  PermissionViolationError,
  UserAuthenticationExpiredError,
  usernamePasswordAuthenticator,
  type Authenticator,
  type NatsConnection,
  type TlsOptions,
} from '@nats-io/transport-node';
import { addressesOf, endpointOf, overAny } from '../host.js';
import type { OpenOptions } from '../open.js';
import type { NatsQueue } from '../queue-config.js';
import { CONNECT_MS, Session } from '../session.js';
import { QueueError } from '../user-queue.js';

export type NatsSession = Session<NatsConnection>;

/** JetStream's own numbers of errors. */
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NOT_FOUND = 10059;
const STREAM_FULL = 10077;

/** Connects at its first use. @throws QueueError `queue_misconfigured` */
export function natsSession(config: NatsQueue, options: OpenOptions, inboxPrefix: string): NatsSession {
  const endpoint = endpointOf(config.url, { plain: 'nats:', secure: 'tls:', port: 4222 });
  const authenticator = authenticatorOf(options.credential);
  return new Session<NatsConnection>({
    connect: async () =>
      overAny(await addressesOf(endpoint, options), (address) =>
        connect({
          servers: hostPort(address, endpoint.port),
          // The session connects anew, and looks anew where to; no server may say where else.
          reconnect: false,
          resolve: false,
          ignoreClusterUpdates: true,
          timeout: CONNECT_MS,
          name: 'hybrid',
          inboxPrefix,
          noAsyncTraces: true,
          ...(authenticator && { authenticator }),
          ...(endpoint.tls && { tls: endpoint.tls as TlsOptions }),
        }),
      ),
    isOpen: (nats) => !nats.isClosed(),
    close: (nats) => nats.close(),
    explain: (error) => explain(error, config),
  });
}

/** What a credentials file of `nsc` holds, the seed of an nkey, or `user:password`. */
function authenticatorOf(credential: string | undefined): Authenticator | undefined {
  const text = credential?.trim();
  if (!text) return undefined;
  if (text.includes('-----BEGIN NATS USER JWT-----')) return credsAuthenticator(Buffer.from(text));
  if (/^SU[A-Z2-7]{56}$/.test(text)) return nkeyAuthenticator(Buffer.from(text));
  const colon = text.indexOf(':');
  if (colon > 0) return usernamePasswordAuthenticator(text.slice(0, colon), text.slice(colon + 1));
  throw new QueueError(
    'queue_misconfigured',
    'the credential for NATS is none: hand over the content of a credentials file, the seed of a user nkey (SU…), or user:password',
  );
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function explain(error: unknown, { stream, subject, consumer }: NatsQueue): QueueError {
  const causes = causesOf(error);
  const options = { cause: error };
  for (const cause of causes) {
    if (cause instanceof AuthorizationError || cause instanceof UserAuthenticationExpiredError)
      return new QueueError(
        'queue_denied',
        'NATS refuses the credential: hand over one of a user that it has',
        options,
      );
    if (cause instanceof PermissionViolationError)
      return new QueueError(
        'queue_denied',
        `NATS does not let the user ${cause.operation === 'publish' ? 'publish to' : 'subscribe to'} ${cause.subject}: grant what docs/queues.md says`,
        options,
      );
    if (cause instanceof NoRespondersError)
      return cause.subject.startsWith('$JS.')
        ? new QueueError(
            'queue_unavailable',
            'JetStream does not answer: it is off, or still starting',
            options,
          )
        : new QueueError(
            'queue_missing',
            `no stream takes what is published to ${cause.subject}: make it (nats stream add), or name the subject of one`,
            options,
          );
    if (cause instanceof JetStreamApiError) return explainApi(cause, { stream, subject, consumer });
  }
  const reason = causes.map(({ code, message }) => code ?? message).at(-1);
  return new QueueError(
    'queue_unavailable',
    `NATS cannot be reached or does not answer as it should (${reason}): is the address right, and the server up?`,
    options,
  );
}

function explainApi(
  cause: JetStreamApiError,
  { stream, subject, consumer }: Pick<NatsQueue, 'stream' | 'subject' | 'consumer'>,
): QueueError {
  const options = { cause };
  switch (cause.code) {
    case STREAM_NOT_FOUND:
      return new QueueError(
        'queue_missing',
        `NATS has no stream ${stream}: make it (nats stream add ${stream} --subjects ${subject} --retention work --storage file)`,
        options,
      );
    case CONSUMER_NOT_FOUND:
      return new QueueError(
        'queue_missing',
        `the stream ${stream} has no consumer ${consumer}: make it (nats consumer add ${stream} ${consumer} --pull --ack explicit --max-deliver=-1)`,
        options,
      );
    case STREAM_FULL:
      return new QueueError(
        'queue_unavailable',
        `the stream ${stream} is full: raise its limits, or see why nobody reads it`,
        options,
      );
    default:
      return new QueueError('queue_unavailable', `JetStream refuses: ${cause.message}`, options);
  }
}

/** The error, its cause, the cause's cause … */
function causesOf(error: unknown): NodeJS.ErrnoException[] {
  const causes: NodeJS.ErrnoException[] = [];
  for (
    let at = error as NodeJS.ErrnoException | undefined;
    at && causes.length < 10;
    at = at.cause as typeof at
  )
    causes.push(at);
  return causes;
}
