/** All parts of a relay, put together: webhooks in, deliveries out, and who it is. */
import { DataDirectory } from '@hybrid/steps';
import { openWriter, QueueError, queueReference, type QueueWriter } from '@hybrid/user-queue';
import type { FastifyInstance } from 'fastify';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readDigestKey, type Configuration } from './configuration.js';
import { Membership } from './control-plane/membership.js';
import { relayKey, type Introduction } from './control-plane/registration.js';
import { relayServer, type RelayHealth } from './http/server.js';
import { Intake } from './intake.js';
import { Journal, type JournalLimits } from './journal/journal.js';
import type { Notify } from './notices.js';
import { Sender } from './sender.js';
import { SettingsError } from './settings-error.js';
import { openSources } from './sources.js';
import { observe, Tally } from './tally.js';

/** Milliseconds between two looks at what of the journal is old. */
const PRUNE_MS = 60_000;
/** Milliseconds to send what was taken, once it is told to stop. */
const LAST_MS = 5_000;

export interface RelayOptions {
  configuration: Configuration;
  limits: Partial<JournalLimits>;
  version: string;
  notify: Notify;
  /** It listens, at this address. */
  ready(url: string): void;
  /** Aborts when it is to stop. */
  stop: AbortSignal;
}

/** Runs until it is told to stop. Throws SettingsError, DataDirectoryError. */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { configuration, limits, version, notify, stop } = options;
  const { relay, secret } = configuration;
  const data = await DataDirectory.open(configuration.data, 'relay', 'relay.data');
  const key = await relayKey(data);
  const sources = await openSources(configuration, stop);
  const digestKey = await readDigestKey(configuration, stop);
  const writer = await openQueue(configuration, stop);
  const journal = await Journal.open(join(data.path, 'journal'), () => sender.wake(), limits);

  const tally = new Tally();
  const sender: Sender = new Sender({
    journal,
    writer,
    key,
    relayId: () => membership.relayId,
    sent: (count) => tally.delivered(count),
    notify,
  });
  const membership = new Membership({
    controlPlane: relay.control_plane,
    data,
    key,
    introduction: introduction(configuration, version),
    secret,
    heartbeat: () => ({
      received: tally.received,
      refused: tally.refused,
      duplicates: tally.duplicates,
      sent: tally.sent,
      spooled: journal.unsent.count,
      lag_seconds: sender.lagSeconds,
      queue: sender.problem === undefined ? 'up' : 'down',
      uptime_seconds: Math.round(process.uptime()),
    }),
    registered: () => sender.wake(),
    notify,
  });
  observe({
    spooled: () => journal.unsent.count,
    spooledBytes: () => journal.unsent.bytes,
    lagSeconds: () => sender.lagSeconds,
    queueUp: () => sender.problem === undefined,
    controlPlaneUp: () => membership.state === 'connected',
  });
  const health = (): RelayHealth => ({
    ready: journal.problem === undefined,
    relay_id: membership.relayId ?? null,
    queue: { status: sender.problem === undefined ? 'up' : 'down', message: sender.problem ?? null },
    spool: {
      status: journal.problem === undefined ? 'up' : 'full',
      message: journal.problem ?? null,
      waiting: journal.unsent.count,
      bytes: journal.unsent.bytes,
      lag_seconds: sender.lagSeconds,
    },
    control_plane: { status: membership.state },
  });
  const intake = new Intake(journal, digestKey);
  const server = relayServer({ sources, intake, tally, health, notify });

  const ending = new AbortController();
  const sending = sender.run(ending.signal);
  const pruning = setInterval(
    () => void journal.prune().catch((error: Error) => notify(error.message)),
    PRUNE_MS,
  );
  try {
    options.ready(await listen(server, configuration.listen));
    await membership.run(stop);
  } finally {
    // What is taken until here is on disk; what of it can be sent in time is.
    await server.close();
    sender.stop();
    const late = setTimeout(() => ending.abort(new Error('stopped')), LAST_MS);
    await sending;
    clearTimeout(late);
    clearInterval(pruning);
    await journal.close();
    await Promise.race([
      writer.close().catch(() => undefined),
      new Promise((end) => setTimeout(end, LAST_MS).unref()),
    ]);
  }
}

/** Looks at all that the configuration names without taking a webhook. Throws SettingsError. */
export async function checkRelay(configuration: Configuration, signal: AbortSignal): Promise<string[]> {
  const sources = await openSources(configuration, signal);
  const digestKey = await readDigestKey(configuration, signal);
  const writer = await openQueue(configuration, signal);
  try {
    await writer.verifyAccess();
  } catch (cause) {
    throw new SettingsError(`queue: ${(cause as Error).message}`, { cause });
  } finally {
    await writer.close().catch(() => undefined);
  }
  return [
    ...[...sources.values()].map(({ name, tool }) => `source ${name} (${tool}): ok, at /webhooks/${name}`),
    `digest key ${digestKey.id}: ok`,
    `queue, ${queueReference(configuration.netZero.queue)}: may be written to`,
  ];
}

async function openQueue(
  { netZero, relay, secret }: Configuration,
  signal: AbortSignal,
): Promise<QueueWriter> {
  const reference = netZero.credentials?.relay;
  const credential = reference && (await secret('credentials.relay', reference, signal));
  try {
    return await openWriter(netZero.queue, {
      ...(credential !== undefined && { credential }),
      allowPlainText: relay.allow_plain_text === true,
    });
  } catch (cause) {
    if (!(cause instanceof QueueError)) throw cause;
    throw new SettingsError(`queue: ${cause.message}`, { cause });
  }
}

function introduction({ netZero }: Configuration, version: string): Introduction {
  const { name: connection, queue, vault } = netZero;
  const name = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
  return {
    name: name.slice(0, 100) || 'relay',
    connection,
    version,
    queue_reference: queueReference(queue),
    ...(vault && { vault_reference: [vault.kind, vault.address, vault.path].filter(Boolean).join(' ') }),
  };
}

async function listen(server: FastifyInstance, address: { host: string; port: number }): Promise<string> {
  try {
    return await server.listen(address);
  } catch (cause) {
    throw new SettingsError(
      `relay.listen ${address.host}:${address.port} cannot be used (${(cause as NodeJS.ErrnoException).code}): name another`,
      { cause },
    );
  }
}
