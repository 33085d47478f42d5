/** Where the suite finds its server: at EVENTSTORE_URL if that is set, else ours, started for the spec file. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { launch } from '../test/launched-process.js';

export interface Server {
  /** Connection string. */
  readonly url: string;
  /** Whether the server is ours. A spec that asks this says why. */
  readonly ours: boolean;
  /** A stream name that no other run uses: `<prefix>-<uuid without dashes>`. */
  name(prefix: string): string;
  /** Ends our server and removes its data. Streams on another server stay. */
  stop(): Promise<void>;
}

/** Takes EVENTSTORE_URL (as `esdb://127.0.0.1:2113?tls=false`), or builds and starts our server on a free port. */
export async function startServer(): Promise<Server> {
  const elsewhere = process.env['EVENTSTORE_URL'];
  if (elsewhere) return server(elsewhere, false, async () => undefined);
  const directory = await mkdtemp(join(tmpdir(), 'event-store-'));
  const launched = await launch({ EVENT_STORE_DATA: directory });
  const stop = async () => {
    await launched.kill();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    return server(`esdb://127.0.0.1:${await launched.port()}?tls=false`, true, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

function server(url: string, ours: boolean, stop: () => Promise<void>): Server {
  return { url, ours, stop, name: (prefix) => `${prefix}-${randomUUID().replaceAll('-', '')}` };
}
