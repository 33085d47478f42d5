import {
  AuthorizationError,
  connect,
  ConnectionError,
  PermissionViolationError,
  UserAuthenticationExpiredError,
  type NatsConnection,
  type TlsOptions,
} from '@nats-io/transport-node';
import { setTimeout as pause } from 'node:timers/promises';
import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { isNatsUser } from './permissions.js';
import { inboxPrefix } from './subjects.js';
import { checkTlsFiles, type NatsTlsFiles } from './tls-files.js';

/** Often enough that a restarted server is found at once, seldom enough not to fill a log. */
const RECONNECT_WAIT_MS = 250;
/** After so many different ones a denial may be said again. */
const MAX_SAID = 1_000;

/**
 * Connects to NATS and stays connected: waits for a server that is not up yet and reconnects for ever.
 * `url` may carry user and password (`nats://user:password@host:4222`), or be a comma-separated list of servers; with
 * `tls://` it speaks TLS or not at all. What the user may not do is said once, with the subject.
 * @param name of the service, whose inboxes its user may listen on.
 * @throws Error that names the setting, where user, password or TLS files are no good, or the server's certificate is not.
 */
export async function connectNats(
  url: string,
  name: string,
  tlsFiles: NatsTlsFiles = {},
): Promise<NatsConnection> {
  const servers = url.split(',').map((text) => parse(text.trim()));
  const { user, pass } = servers[0]!;
  if (isNatsUser(user) && isNatsUser(name) && user !== name)
    throw new Error(`NATS_URL names the user ${user}, who may do nothing of what ${name} does: name ${name}`);
  const hosts = servers.map(({ host }) => host);
  const tls = readTls(servers, tlsFiles);
  const waiting = setTimeout(() => {
    const wants =
      tls && !tls.certFile ? ', and does it take clients without a certificate (NATS_CERT_FILE)' : '';
    console.error(`${name}: waiting for NATS at ${hosts.join(', ')}; is nats-server running there${wants}?`);
  }, 3_000);
  try {
    const nats = await whenThere(hosts, user, () =>
      connect({
        servers: hosts,
        ...(user && { user, pass }),
        ...(tls && { tls: { ...tls, checkServerIdentity: isOneOf(hosts) } as TlsOptions }),
        name,
        inboxPrefix: inboxPrefix(name),
        maxReconnectAttempts: -1,
        // A server with new passwords, or none yet, may have the right ones again.
        ignoreAuthErrorAbort: true,
        reconnectTimeWait: RECONNECT_WAIT_MS,
        noAsyncTraces: true,
        pingInterval: 20_000,
      }),
    );
    writeOncePerTurn(nats);
    void sayDenials(nats, name);
    return nats;
  } finally {
    clearTimeout(waiting);
  }
}

/** What inboxes of this connection begin with. */
export function inboxPrefixOf(nats: NatsConnection): string | undefined {
  return (nats as unknown as { options: { inboxPrefix?: string } }).options.inboxPrefix;
}

/** Tries until the server is there. The client's own wait for it would also wait for a wrong password to become right. */
async function whenThere<T>(hosts: string[], user: string, connecting: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await connecting();
    } catch (error) {
      const where = `NATS at ${hosts.join(', ')}`;
      if (error instanceof AuthorizationError)
        throw new Error(
          `${where} refuses ${user ? `the user ${user}, or its password` : 'whoever has no user and password'}: check NATS_URL`,
          { cause: error },
        );
      const reason = tlsReason(error);
      if (reason)
        throw new Error(
          `${where}: TLS failed (${reason}): check NATS_URL, NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE`,
          { cause: error },
        );
      await pause(RECONNECT_WAIT_MS);
    }
  }
}

/** Undefined for what may mend itself: a server that is not there yet, a name that is not known yet. */
function tlsReason(error: unknown): string | undefined {
  for (let at = error as NodeJS.ErrnoException | undefined; at; at = at.cause as typeof at) {
    const { code } = at;
    if (code && /CERT|SSL|TLS|SIGNATURE|ISSUER/.test(code)) return code;
  }
  // What the client finds out by itself has no cause: that the server offers no TLS.
  if (error instanceof ConnectionError && !error.cause) return error.message;
  return undefined;
}

function readTls(servers: Server[], files: NatsTlsFiles): NatsTlsFiles | undefined {
  const [secure, more] = new Set(servers.map(({ tls }) => tls));
  if (more !== undefined) throw new Error('NATS_URL must name all its servers by tls://, or none of them');
  if (secure) return checkTlsFiles(files);
  if (files.caFile || files.certFile || files.keyFile)
    throw new Error(
      'NATS_CA_FILE, NATS_CERT_FILE and NATS_KEY_FILE are for TLS: NATS_URL must begin with tls://',
    );
  return undefined;
}

/** The client looks for `localhost` in the certificate where the server's address is an IP address. */
function isOneOf(hosts: string[]): ConnectionOptions['checkServerIdentity'] {
  const names = hosts.map((host) => host.replace(/:\d*$/, '').replace(/^\[|\]$/g, ''));
  return (_, certificate) => {
    const refusals = names.map((name) => checkServerIdentity(name, certificate));
    return refusals.includes(undefined) ? undefined : refusals[0];
  };
}

/** What is denied is lost without a word elsewhere: NATS answers no publish. */
async function sayDenials(nats: NatsConnection, name: string): Promise<void> {
  const said = new Set<string>();
  for await (const status of nats.status()) {
    if (status.type !== 'error') continue;
    const { error } = status;
    if (error instanceof PermissionViolationError) {
      const { operation, subject } = error;
      if (said.has(`${operation} ${subject}`)) continue;
      if (said.size >= MAX_SAID) said.clear();
      said.add(`${operation} ${subject}`);
      console.error(
        `${name}: NATS does not let it ${operation === 'publish' ? 'publish' : 'subscribe to'} ${subject}: ` +
          'is NATS_URL that of another service, or are the permissions in NATS older than this version?',
      );
    } else if (error instanceof AuthorizationError || error instanceof UserAuthenticationExpiredError) {
      if (said.has('user')) continue;
      said.add('user');
      console.error(`${name}: NATS refuses its user or password by now (NATS_URL); trying again`);
    }
  }
}

/** What of the client's inside is needed. */
interface ClientInside {
  protocol: { flushPending(): void };
}

/**
 * The client writes to its socket after every callback that sends something: with fifty requests in one turn of the event
 * loop fifty writes, which were the largest single cost of a busy process. Held back to the end of the turn they are one.
 */
function writeOncePerTurn(nats: NatsConnection): void {
  const { protocol } = nats as unknown as ClientInside;
  const flush = protocol.flushPending.bind(protocol);
  let due = false;
  protocol.flushPending = () => {
    if (due) return;
    due = true;
    setImmediate(() => {
      due = false;
      flush();
    });
  };
}

interface Server {
  host: string;
  user: string;
  pass: string;
  tls: boolean;
}

function parse(text: string): Server {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `nats://${text}`);
  } catch (cause) {
    throw new Error('NATS_URL must look like nats://user:password@host:4222', { cause });
  }
  return {
    host: url.host,
    user: decodeURIComponent(url.username),
    pass: decodeURIComponent(url.password),
    tls: url.protocol === 'tls:',
  };
}
