/** The port that users know: is it free, and if not, who has it. */
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { freePort } from '@hybrid/servers';
import { LaunchError } from './errors.js';

/** The port to serve on: `wanted`, or any free one for 0. Throws LaunchError when it is taken or not allowed. */
export async function claimPort(wanted: number): Promise<number> {
  if (wanted === 0) return freePort();
  const code = await tryPort(wanted);
  if (code === undefined) return wanted;
  if (code === 'EACCES') {
    throw new LaunchError(
      `port ${wanted} needs root: set HYBRID_PORT to one above 1023, or to 0 for any free one`,
    );
  }
  const who = listenerOf(wanted);
  throw new LaunchError(
    `port ${wanted} is in use${who ? ` by ${who}` : ''}: stop that, or set HYBRID_PORT to another port (0: any free one)`,
  );
}

function tryPort(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(undefined)));
  });
}

/** `node (process 123)`, as far as the kernel shows it to this user. */
function listenerOf(port: number): string | undefined {
  try {
    const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(table, port)));
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      if (holdsSocket(pid, inodes))
        return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (process ${pid})`;
    }
  } catch {
    // Not Linux, or not visible to this user: then the message goes without it.
  }
  return undefined;
}

/** Columns of /proc/net/tcp: 1 local address, 3 state (0A: listening), 9 inode. */
function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return readFileSync(`/proc/net/${table}`, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === '0A')
    .flatMap((fields) => fields[9] ?? []);
}

function holdsSocket(pid: string, inodes: Set<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
      return inode !== undefined && inodes.has(inode);
    });
  } catch {
    return false;
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}
