/** What the configuration makes of the relay, and a reload makes anew: whose webhooks it takes, and where they go. */
import { DataDirectory } from '@hybrid/steps';
import { openWriter, QueueError, queueReference, type QueueWriter } from '@hybrid/user-queue';
import { readDigestKey, type Configuration } from './configuration.js';
import { joiningSecret } from './control-plane/joining.js';
import { wasRegistered } from './control-plane/registration.js';
import type { DigestKey } from './intake.js';
import { SettingsError } from './settings-error.js';
import { openSources, type Source } from './sources.js';

export interface Setup {
  configuration: Configuration;
  sources: Map<string, Source>;
  digestKey: DigestKey;
  /** Connects at its first use. */
  writer: QueueWriter;
}

/** Reads all secrets. Throws SettingsError, and leaves nothing open then. */
export async function setUp(configuration: Configuration, signal: AbortSignal): Promise<Setup> {
  const sources = await openSources(configuration, signal);
  const digestKey = await readDigestKey(configuration, signal);
  return { configuration, sources, digestKey, writer: await openQueue(configuration, signal) };
}

/** Looks at all that the configuration names without taking a webhook. Throws SettingsError. */
export async function checkRelay(configuration: Configuration, signal: AbortSignal): Promise<string[]> {
  const { relay, secret } = configuration;
  const registered = await wasRegistered(DataDirectory.look(configuration.data));
  // It may be gone once it has done its part.
  if (!registered) await joiningSecret(relay.control_plane, secret, signal);
  const { sources, digestKey, writer } = await setUp(configuration, signal);
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
    `control plane ${relay.control_plane.url}: ${registered ? 'was registered there' : 'has what to register with; not asked'}`,
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
