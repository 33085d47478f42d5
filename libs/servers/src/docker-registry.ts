/** Debian's docker-registry on loopback, its images in one directory: what images are pushed to in tests and demonstrations. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromDebianPackage } from './debian-package.js';
import { freePort } from './free-port.js';
import { startProcess } from './process.js';
import { findProgram } from './programs.js';
import { startServer, type ServerWithUrl } from './server.js';

export interface DockerRegistryOptions {
  /** Everything it writes is in here; made if missing. */
  dataDir: string;
  /** A free one unless told. */
  port?: number;
  /** Lines `name:bcrypt hash` of those who may pull and push; left out: everybody may. */
  htpasswd?: string[];
  log?: string;
  /** Hears what happens when the server's program has to be fetched first. */
  say?: (progress: string) => void;
}

export interface DockerRegistry extends ServerWithUrl {
  /** As names of images begin: `127.0.0.1:<port>`. Engines take loopback without TLS. */
  readonly host: string;
}

const REMEDY = 'install it (Debian, Ubuntu: apt-get install docker-registry)';

/** Path of the program. Throws MissingProgramError where it cannot be had. */
export async function findDockerRegistry(say: (progress: string) => void = () => undefined): Promise<string> {
  const wanted = { name: 'docker-registry', program: 'usr/bin/docker-registry', remedy: REMEDY };
  return findProgram('docker-registry') ?? (await fromDebianPackage(wanted, say));
}

/** Resolves when it serves. Throws MissingProgramError where the program cannot be had. */
export async function startDockerRegistry(options: DockerRegistryOptions): Promise<DockerRegistry> {
  const { dataDir, htpasswd, log } = options;
  const program = await findDockerRegistry(options.say);
  await mkdir(join(dataDir, 'images'), { recursive: true });
  const port = options.port ?? (await freePort());
  const host = `127.0.0.1:${port}`;
  const users = join(dataDir, 'htpasswd');
  if (htpasswd) await writeFile(users, `${htpasswd.join('\n')}\n`, { mode: 0o600 });
  const config = join(dataDir, 'config.yml');
  // YAML holds JSON.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      storage: { filesystem: { rootdirectory: join(dataDir, 'images') }, delete: { enabled: true } },
      http: { addr: host },
      ...(htpasswd && { auth: { htpasswd: { realm: 'hybrid', path: users } } }),
    }),
  );
  const server = await startServer('docker-registry', async () => {
    const process = await startProcess({
      name: 'docker-registry',
      command: program,
      args: ['serve', config],
      readyLine: (line) => (line.includes(`listening on ${host}`) ? {} : undefined),
      log,
    });
    await process.ready;
    return process;
  });
  return Object.assign(server, { url: `http://${host}`, host, port });
}
