/** All parts of a relay, put together: webhooks in, deliveries out, and who it is. */
import { DataDirectory } from '@hybrid/steps';
import { queueReference } from '@hybrid/user-queue';
import type { FastifyInstance } from 'fastify';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Bell } from './bell.js';
import type { Configuration } from './configuration.js';
import { Membership } from './control-plane/membership.js';
import { relayKey, type Introduction } from './control-plane/registration.js';
import { relayServer, type RelayHealth } from './http/server.js';
import { Intake } from './intake.js';
import { Journal, type JournalLimits } from './journal/journal.js';
import type { Notify } from './notices.js';
import { reloadWhenAsked } from './reload.js';
import { Sender } from './sender.js';
import { SettingsError } from './settings-error.js';
import { setUp, type Setup } from './setup.js';
import type { Source } from './sources.js';
import { observe, Tally } from './tally.js';

/** Milliseconds between two looks at what of the journal is old. */
const PRUNE_MS = 60_000;
/** Milliseconds to send what was taken, once it is told to stop. */
const LAST_MS = 5_000;

export interface RelayOptions {
  /** At the start, and whenever `reload` rings. Throws SettingsError. */
  read(): Promise<Configuration>;
  reload: Bell;
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
  const { read, limits, version, notify, stop } = options;
  const configuration = await read();
  const data = await DataDirectory.open(configuration.data, 'relay', 'relay.data');
  const key = await relayKey(data);
  let setup = await setUp(configuration, stop);
  const journal = await Journal.open(join(data.path, 'journal'), () => sender.wake(), limits);

  const tally = new Tally();
  const sender: Sender = new Sender({
    journal,
    writer: setup.writer,
    key,
    relayId: () => membership.relayId,
    sent: (count) => tally.delivered(count),
    notify,
  });
  const membership = new Membership({
    configuration: () => setup.configuration,
    data,
    key,
    introduction: introduction(configuration, version),
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
  const intake = new Intake(journal, () => setup.digestKey);
  const source = (name: string): Source | undefined => setup.sources.get(name);
  const server = relayServer({ source, intake, tally, health, notify });

  const take = async (next: Setup): Promise<void> => {
    setup = next;
    await sender.use(next.writer);
  };
  const over = new AbortController();
  const reloading = reloadWhenAsked(
    { asked: options.reload, read, current: () => setup, take, notify },
    AbortSignal.any([stop, over.signal]),
  );
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
    over.abort();
    await reloading;
    clearInterval(pruning);
    await journal.close();
    await Promise.race([
      setup.writer.close().catch(() => undefined),
      new Promise((end) => setTimeout(end, LAST_MS).unref()),
    ]);
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
    // A copy: fastify writes into it.
    return await server.listen({ ...address });
  } catch (cause) {
    throw new SettingsError(
      `relay.listen ${address.host}:${address.port} cannot be used (${(cause as NodeJS.ErrnoException).code}): name another`,
      { cause },
    );
  }
}
