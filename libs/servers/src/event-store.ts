/** The embedded event store as a process: the bundle of apps/event-store. */
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MissingProgramError } from './errors.js';
import { freePort } from './free-port.js';
import { startProcess } from './process.js';
import { workspaceRoot } from './programs.js';
import { startServer, type ServerWithUrl } from './server.js';

export interface EventStoreOptions {
  /** Everything it writes is in here; made if missing. */
  dataDir: string;
  /** A free one unless told. */
  port?: number;
  log?: string;
  /** Paths of PEM files; left out: no TLS. */
  tls?: { certFile: string; keyFile: string };
  /** With TLS only; left out: whoever reaches the port may do everything. */
  usersFile?: string;
}

/** Starts the event store; resolves when it accepts connections. */
export async function startEventStore(options: EventStoreOptions): Promise<ServerWithUrl> {
  const { dataDir, log, tls, usersFile } = options;
  const bundle = bundleOf('event-store');
  await mkdir(dataDir, { recursive: true });
  const port = options.port ?? (await freePort());
  const server = await startServer('event-store', async () => {
    const store = await startProcess({
      name: 'event-store',
      command: process.execPath,
      args: [bundle],
      env: {
        ...process.env,
        EVENT_STORE_HOST: '127.0.0.1',
        EVENT_STORE_PORT: `${port}`,
        EVENT_STORE_DATA: dataDir,
        ...(tls && { EVENT_STORE_TLS_CERT_FILE: tls.certFile, EVENT_STORE_TLS_KEY_FILE: tls.keyFile }),
        ...(usersFile && { EVENT_STORE_USERS_FILE: usersFile }),
      },
      log,
    });
    await store.ready;
    return store;
  });
  return Object.assign(server, { url: `esdb://127.0.0.1:${port}?tls=${tls !== undefined}`, port });
}

/** Path of an app's bundle. Throws MissingProgramError when it was not built. */
export function bundleOf(app: string): string {
  const path = join(workspaceRoot(), 'dist', app, 'main.js');
  if (!existsSync(path)) throw new MissingProgramError(`${path} is missing: run \`npm run build\``);
  return path;
}
