/** A Redis server for one machine: on loopback, with passwords, its data in one directory, each write on the disk. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findRedisServer, type FindRedisServerOptions } from './find-redis-server.js';
import { freePort } from './free-port.js';
import { startProcess } from './process.js';
import { keptSecret } from './secrets.js';
import { startServer, type ServerWithUrl } from './server.js';

export interface RedisOptions extends FindRedisServerOptions {
  /** Everything it writes is in here; made if missing. */
  dataDir: string;
  /** A free one unless told. */
  port?: number;
  log?: string;
  /** Hears what happens when the server's program has to be fetched first. */
  say?: (progress: string) => void;
  /** Users with less than all rights, by name: their rules, as `ACL SETUSER` has them, without the password. */
  users?: Record<string, string>;
  /** Paths of PEM files; left out: no TLS. */
  tls?: { certFile: string; keyFile: string };
}

export interface RedisServer extends ServerWithUrl {
  /** `user:password`; of `hybrid`, who may do everything, unless told. */
  credentialOf(user?: string): string;
}

/** May do everything. Nobody may do anything without a name: the default user is off. */
const USER = 'hybrid';

/** Resolves when it serves. Throws MissingProgramError where the program cannot be had. */
export async function startRedis(options: RedisOptions): Promise<RedisServer> {
  const { dataDir, users = {}, tls, log } = options;
  const program = await findRedisServer(options.say, options);
  await mkdir(dataDir, { recursive: true });
  const port = options.port ?? (await freePort());
  const passwords = new Map<string, string>();
  const acl = ['user default off'];
  for (const [name, rules] of Object.entries({ [USER]: '~* &* +@all', ...users })) {
    const password = await keptSecret(join(dataDir, 'secrets', `redis-password-${name}`));
    passwords.set(name, password);
    acl.push(`user ${name} on >${password} ${rules}`);
  }
  const aclFile = join(dataDir, 'users.acl');
  await writeFile(aclFile, `${acl.join('\n')}\n`, { mode: 0o600 });
  const config = join(dataDir, 'redis.conf');
  await writeFile(config, configuration(port, dataDir, aclFile, tls), { mode: 0o600 });

  const server = await startServer('redis', async () => {
    const redis = await startProcess({
      name: 'redis',
      command: program.path,
      args: [config],
      env: { ...process.env, ...(program.libraries && { LD_LIBRARY_PATH: program.libraries }) },
      readyLine: (line) => (line.includes('Ready to accept connections') ? {} : undefined),
      log,
    });
    await redis.ready;
    return redis;
  });
  const credentialOf = (user = USER) => {
    const password = passwords.get(user);
    if (!password) throw new Error(`Redis has no user ${user}; it has ${[...passwords.keys()].join(', ')}`);
    return `${user}:${password}`;
  };
  const url = `${tls ? 'rediss' : 'redis'}://${credentialOf()}@127.0.0.1:${port}`;
  return Object.assign(server, { url, port, credentialOf });
}

function configuration(port: number, dataDir: string, aclFile: string, tls: RedisOptions['tls']): string {
  return [
    'bind 127.0.0.1',
    ...(tls
      ? [
          'port 0',
          `tls-port ${port}`,
          `tls-cert-file ${JSON.stringify(tls.certFile)}`,
          `tls-key-file ${JSON.stringify(tls.keyFile)}`,
          'tls-auth-clients no',
        ]
      : [`port ${port}`]),
    `dir ${JSON.stringify(dataDir)}`,
    `aclfile ${JSON.stringify(aclFile)}`,
    'save ""',
    'appendonly yes',
    'appendfsync always',
    '',
  ].join('\n');
}
