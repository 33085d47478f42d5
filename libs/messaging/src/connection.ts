import { connect, type NatsConnection } from '@nats-io/transport-node';

/** Often enough that a restarted server is found at once, seldom enough not to fill a log. */
const RECONNECT_WAIT_MS = 250;

/**
 * Connects to NATS and stays connected: waits for a server that is not up yet and reconnects for ever.
 * `url` may carry user and password (`nats://user:password@host:4222`), or be a comma-separated list of servers.
 */
export async function connectNats(url: string, name: string): Promise<NatsConnection> {
  const servers = url.split(',').map((text) => parse(text.trim()));
  const { user, pass } = servers[0]!;
  const waiting = setTimeout(() => {
    console.error(
      `${name}: waiting for NATS at ${servers.map(({ host }) => host).join(', ')}; is nats-server running there?`,
    );
  }, 3_000);
  try {
    const nats = await connect({
      servers: servers.map(({ host }) => host),
      ...(user && { user, pass }),
      name,
      waitOnFirstConnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_WAIT_MS,
      noAsyncTraces: true,
      pingInterval: 20_000,
    });
    writeOncePerTurn(nats);
    return nats;
  } finally {
    clearTimeout(waiting);
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

function parse(text: string): { host: string; user: string; pass: string } {
  let url: URL;
  try {
    url = new URL(text.includes('://') ? text : `nats://${text}`);
  } catch (cause) {
    throw new Error('NATS_URL must look like nats://user:password@host:4222', { cause });
  }
  return { host: url.host, user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
}
