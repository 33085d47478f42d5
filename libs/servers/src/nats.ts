/** A NATS server with JetStream for one machine: on loopback, with passwords, its data in one directory. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ProcessFailedError } from './errors.js';
import { freePort } from './free-port.js';
import { findNatsServer } from './find-nats-server.js';
import { startProcess } from './process.js';
import { keptSecret } from './secrets.js';
import { startServer, type ServerWithUrl } from './server.js';

export interface NatsOptions {
  /** Everything it writes is in here; made if missing. */
  dataDir: string;
  /** A free one unless told. */
  port?: number;
  log?: string;
  /** Hears what happens when the server's program has to be fetched first. */
  say?: (progress: string) => void;
  /** Users with less than all rights, by name: their `permissions`, as NATS has them. */
  users?: Record<string, object>;
  /** Paths of PEM files; left out: no TLS. */
  tls?: {
    certFile: string;
    keyFile: string;
    /** Clients must have a certificate of this authority. */ clientCaFile?: string;
  };
}

export interface NatsServer extends ServerWithUrl {
  /** For clients that are one of `users`; holds its password. */
  urlOf(user: string): string;
}

/** May do everything: the only one of an installation whose services are one process. */
const USER = 'hybrid';
/** Above a commit on a slow disk: a cold start with a large store reads its index first. */
const READY_TIMEOUT_MS = 30_000;

/** Starts nats-server; resolves when JetStream answers. Passwords are kept in `dataDir/secrets` across starts. */
export async function startNats(options: NatsOptions): Promise<NatsServer> {
  const { dataDir, users = {}, tls } = options;
  const program = await findNatsServer(options.say);
  await mkdir(join(dataDir, 'jetstream'), { recursive: true });
  const passwords = new Map<string, string>();
  for (const name of [USER, ...Object.keys(users)])
    passwords.set(name, await keptSecret(join(dataDir, 'secrets', passwordFile(name))));
  const port = options.port ?? (await freePort());
  const config = join(dataDir, 'nats.conf');
  await writeFile(config, await configuration(program, port, passwords, options), { mode: 0o600 });
  await chmod(config, 0o600);

  const server = await startServer('nats', async () => {
    const process = await startProcess({
      name: 'nats',
      command: program,
      args: ['-c', config],
      // Its own words, and not only an answer on the port: another server may sit there.
      readyLine: (line) => (line.includes('Server is ready') ? {} : undefined),
      readyTimeoutMs: READY_TIMEOUT_MS,
      log: options.log,
    });
    await process.ready;
    if (!(await greetsWithJetStream(port))) {
      await process.kill();
      throw new ProcessFailedError(
        'nats',
        `does not offer JetStream on 127.0.0.1:${port}`,
        process.tail(),
        options.log,
      );
    }
    return process;
  });
  const urlOf = (user: string) => {
    const password = passwords.get(user);
    if (!password) throw new Error(`NATS has no user ${user}; it has ${[...passwords.keys()].join(', ')}`);
    return `${tls ? 'tls' : 'nats'}://${user}:${password}@127.0.0.1:${port}`;
  };
  return Object.assign(server, { url: urlOf(USER), port, urlOf });
}

function passwordFile(user: string): string {
  return user === USER ? 'nats-password' : `nats-password-${user}`;
}

async function configuration(
  program: string,
  port: number,
  passwords: Map<string, string>,
  { dataDir, users = {}, tls }: NatsOptions,
): Promise<string> {
  const { stdout } = await promisify(execFile)(program, ['--version']);
  const [major = 0, minor = 0] = (/v?(\d+)\.(\d+)/.exec(stdout) ?? []).slice(1).map(Number);
  // Older servers refuse the setting. Without it an acknowledged message may wait two minutes for its fsync, which is
  // bearable only because the event store, not NATS, holds the truth.
  const syncs = major > 2 || (major === 2 && minor >= 10);
  return [
    `listen: ${JSON.stringify(`127.0.0.1:${port}`)}`,
    'max_payload: 1048576',
    `authorization { users: ${JSON.stringify(
      [...passwords].map(([user, password]) => ({ user, password, permissions: users[user] })),
    )} }`,
    ...(tls ? [tlsConfiguration(tls)] : []),
    'jetstream {',
    `  store_dir: ${JSON.stringify(join(dataDir, 'jetstream'))}`,
    ...(syncs ? ['  sync_interval: always'] : []),
    '}',
    '',
  ].join('\n');
}

function tlsConfiguration({ certFile, keyFile, clientCaFile }: NonNullable<NatsOptions['tls']>): string {
  const client = clientCaFile ? { ca_file: clientCaFile, verify: true } : {};
  return `tls ${JSON.stringify({ cert_file: certFile, key_file: keyFile, ...client })}`;
}

/** The server's first line, before any authentication: `INFO {…,"jetstream":true,…}`. */
function greetsWithJetStream(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const answer = (yes: boolean) => {
      socket.destroy();
      resolve(yes);
    };
    socket.setTimeout(5_000, () => answer(false));
    socket.on('error', () => answer(false));
    socket.on('close', () => resolve(false));
    socket.on('data', (chunk) => {
      text += chunk.toString('utf8');
      if (text.includes('\r\n')) answer(text.startsWith('INFO ') && text.includes('"jetstream":true'));
    });
  });
}
